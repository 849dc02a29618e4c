// Colours a text by one unit's gate or state, which the pickers choose.
function element(name, text) { const e = document.createElement(name); e.textContent = text; return e; }
const COLUMNS = 120; // tokens
const tint = +getComputedStyle(document.documentElement).getPropertyValue("--tint");
for (const box of document.querySelectorAll(".gates")) {
  const trace = traces[+box.dataset.run], T = trace.pieces.length;
  const [layer, series, unit, detector] = ["layer", "series", "unit", "detector"].map(c => box.querySelector("." + c));
  const text = box.querySelector(".text"), said = box.querySelector(".said"), cache = new Map();
  trace.layers.forEach((l, i) => layer.append(new Option(l.name, i)));
  const spans = trace.pieces.map(piece => text.appendChild(element("span", piece)));
  detector.append(new Option("nothing in particular", -1));
  trace.detectors.forEach((d, i) => detector.append(new Option(`${d.feature} (r = ${d.r})`, i)));
  function bytes(l, name) {
    const key = `${l} ${name}`;
    if (!cache.has(key)) cache.set(key, Uint8Array.from(atob(trace.layers[l].series[name].values), c => c.charCodeAt(0)));
    return cache.get(key);
  }
  function fill(wantedSeries, wantedUnit) {
    const l = trace.layers[layer.value], names = Object.keys(l.series);
    series.replaceChildren(...names.map(n => new Option(n, n)));
    series.value = names.includes(wantedSeries) ? wantedSeries : names[0];
    unit.replaceChildren(...l.shown.map((u, row) => new Option(u, row)));
    unit.value = Math.max(0, l.shown.indexOf(wantedUnit));
  }
  function value(t) {
    const s = trace.layers[layer.value].series[series.value];
    return (bytes(layer.value, series.value)[unit.value * T + t] - 128) / 127 * s.top;
  }
  const number = () => trace.layers[layer.value].shown[unit.value];
  function paint() {
    const values = spans.map((_, t) => value(t));
    const gate = !["h", "c", "candidate"].includes(series.value);
    const top = gate ? 1 : Math.max(1e-9, ...values.map(Math.abs));
    spans.forEach((span, t) => {
      const strength = Math.min(1, Math.abs(values[t]) / top) * tint;
      span.className = "tint";
      span.style.cssText = `--tone: var(--${values[t] < 0 ? "negative" : "positive"}); --strength: ${strength.toFixed(3)}`;
    });
    const d = trace.detectors[detector.value];
    box.querySelector(".caption").textContent = `${trace.layers[layer.value].name}, unit ${number()}, ${series.value}` + (d ? `: ${d.feature}, r = ${d.r}` : "");
    said.textContent = "";
    paintColumns();
  }
  // Below each of the first tokens, a cell per gate and state of the unit, as lectures draw them.
  const lecture = {forget: "erase f", input: "write i", output: "read o", reset: "reset r", update: "update z", c: "contents c", h: "state h"};
  function paintColumns() {
    const l = trace.layers[layer.value], names = Object.keys(lecture).filter(name => name in l.series), chosen = series.value;
    box.querySelector(".rows-of").textContent = `All of unit ${number()}, from top to bottom: ${names.map(name => lecture[name]).join(", ")}.`;
    const tops = {}, of = {};
    for (const name of names) {
      series.value = name;
      of[name] = spans.slice(0, COLUMNS).map((_, t) => value(t));
      tops[name] = "ch".includes(name) ? Math.max(1e-9, ...of[name].map(Math.abs)) : 1;
    }
    series.value = chosen;
    box.querySelector(".columns").replaceChildren(...trace.pieces.slice(0, COLUMNS).map((piece, t) => {
      const column = element("span", piece.replace("\n", "↵") || "·");
      for (const name of names) {
        const cell = column.appendChild(element("i", "")), v = of[name][t];
        cell.className = "tint";
        cell.style.cssText = `--tone: var(--${v < 0 ? "negative" : "positive"}); --strength: ${(Math.min(1, Math.abs(v) / tops[name]) * tint).toFixed(3)}`;
      }
      return column;
    }));
  }
  function saturation() {
    const rows = trace.layers.flatMap(l => l.saturation.map(s => [`${l.name}, ${s.gate}`, s.left, s.right]));
    if (!rows.length) return;
    const table = box.querySelector(".saturation");
    const row = cells => { const tr = document.createElement("tr"); tr.append(...cells); return tr; };
    table.append(row(["gate", "below 0.1", "above 0.9"].map(c => element("th", c))));
    const percent = x => `${(100 * x).toFixed(1)}%`;
    rows.forEach(([name, left, right]) => table.append(row([element("th", name), element("td", percent(left)), element("td", percent(right))])));
  }
  const tell = event => { const t = spans.indexOf(event.target); if (t >= 0) said.textContent = `${JSON.stringify(trace.pieces[t])}: ${series.value} of unit ${number()} is ${value(t).toFixed(2)}`; };
  text.addEventListener("pointerover", tell);
  text.addEventListener("click", tell);
  layer.addEventListener("change", () => { fill(series.value, -1); detector.value = -1; paint(); });
  series.addEventListener("change", paint);
  unit.addEventListener("change", () => { detector.value = -1; paint(); });
  detector.addEventListener("change", () => {
    const d = trace.detectors[detector.value];
    if (!d) return;
    layer.value = d.layer; fill(d.series, d.unit); paint();
  });
  fill("c", -1);
  if (trace.detectors.length) { detector.value = 0; detector.dispatchEvent(new Event("change")); } else paint();
  saturation();
}
