// Shows another passage of the text, of every run the same one, and the bits of the token that is pointed at.
const boxes = [...document.querySelectorAll(".surprise")];
function show(box, number) {
  const passage = passages[+box.dataset.run][number], text = box.querySelector(".text");
  text.replaceChildren(...passage.pieces.map((piece, t) => {
    const span = document.createElement("span");
    span.textContent = piece;
    if (passage.levels[t] > 0) span.className = "s" + passage.levels[t];
    span.dataset.t = t;
    return span;
  }));
  box.dataset.passage = number;
}
for (const box of boxes) {
  const text = box.querySelector(".text"), said = box.querySelector(".said"), picker = box.querySelector(".passage");
  show(box, 0);
  const tell = event => {
    const t = event.target.dataset.t;
    if (t === undefined) return;
    const passage = passages[+box.dataset.run][+box.dataset.passage], bits = passage.bits[t] / 10;
    said.textContent = `${JSON.stringify(passage.pieces[t])}: ${bits.toFixed(1)} bits, p = ${(2 ** -bits).toPrecision(2)}`;
  };
  text.addEventListener("pointerover", tell);
  text.addEventListener("click", tell);
  if (picker) picker.addEventListener("change", () => {
    for (const each of boxes) {
      const its = each.querySelector(".passage");
      if (!its || +picker.value >= its.options.length) continue;
      its.value = picker.value;
      show(each, +picker.value);
    }
  });
}
