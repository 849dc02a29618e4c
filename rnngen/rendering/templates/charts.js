// Draws the charts in the colours of the theme, again when the theme changes, for paper, and against another axis.
const dark = matchMedia("(prefers-color-scheme: dark)");
function draw(theme) {
  const colours = themes[theme], ink = colours.ink, line = colours.line;
  const runs = Object.keys(colours).filter(name => /^run-\d+$/.test(name)).map(name => colours[name]);
  const config = {
    view: {stroke: "transparent"}, font: "system-ui, sans-serif",
    axis: {labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal"},
    legend: {labelColor: ink, titleColor: ink}, range: {category: runs},
  };
  for (const [name, spec] of Object.entries(charts)) {
    const target = document.getElementById("chart-" + name);
    if (target) vegaEmbed(target, spec, {config, actions: false, renderer: "svg"});
  }
}
const current = () => dark.matches ? "dark" : "light";
draw(current());
dark.addEventListener("change", () => draw(current()));
addEventListener("beforeprint", () => draw("light"));
addEventListener("afterprint", () => draw(current()));
for (const picker of document.querySelectorAll(".axis")) picker.addEventListener("change", () => {
  for (const [name, spec] of Object.entries(charts)) if (name.startsWith("curves"))
    for (const layer of spec.layer) Object.assign(layer.encoding.x, {field: picker.value, title: axes[picker.value]});
  draw(current());
});
