// Four optimizers in the ravine 0.15 x² + 15 y², as PyTorch computes them.
"use strict";

const STEEPNESS = [0.3, 30];
const WAYS = ["gradient descent", "with momentum", "RMSProp", "Adam"];

// The places that an optimizer visits in forty steps from (-3, 1).
function wayDown(way, rate, momentum = 0.9, steps = 40) {
  const place = [-3, 1];
  const m = [0, 0];
  const v = [0, 0];
  const path = [[...place]];
  for (let t = 1; t <= steps; t++) {
    for (const i of [0, 1]) {
      const gradient = STEEPNESS[i] * place[i];
      if (way === 0) place[i] -= rate * gradient;
      if (way === 1) { m[i] = momentum * m[i] + gradient; place[i] -= rate * m[i]; }
      if (way === 2) { v[i] = 0.95 * v[i] + 0.05 * gradient ** 2; place[i] -= rate * gradient / (Math.sqrt(v[i]) + 1e-8); }
      if (way === 3) {
        m[i] = momentum * m[i] + (1 - momentum) * gradient;
        v[i] = 0.95 * v[i] + 0.05 * gradient ** 2;
        place[i] -= rate * (m[i] / (1 - momentum ** t)) / (Math.sqrt(v[i] / (1 - 0.95 ** t)) + 1e-8);
      }
    }
    path.push([...place]);
  }
  return path;
}

const loss = ([x, y]) => (STEEPNESS[0] * x * x + STEEPNESS[1] * y * y) / 2;

(() => {
  const place = document.getElementById("play-ravine");
  if (!place) return;
  const state = { way: 0, rate: 0.06, momentum: 0.9 };
  const picture = element("svg", { viewBox: "0 0 400 180", role: "img", "aria-label": "the way down" });
  const said = element("p", { "aria-live": "polite" });
  const at = ([x, y]) => [200 + 55 * x, 90 - 70 * y];

  function show() {
    const path = wayDown(state.way, state.rate, state.momentum);
    const rings = [0.05, 0.3, 1, 3, 7, 14].map((height) => element("path", { class: "ring", d: ellipse(height) }));
    const seen = path.filter(([x, y]) => Math.abs(x) < 40 && Math.abs(y) < 40);
    const [x, y] = at(seen.at(-1));
    picture.replaceChildren(...rings, element("polyline", { points: seen.map((one) => at(one).join(",")).join(" "), class: "query" }),
      ...seen.map((one) => element("circle", { cx: at(one)[0], cy: at(one)[1], r: 2, class: "step" })),
      element("circle", { cx: at(path[0])[0], cy: at(path[0])[1], r: 5, class: "here" }), element("circle", { cx: x, cy: y, r: 4, class: "end" }),
      element("path", { d: "M195 85 l10 10 m0 -10 l-10 10", class: "axis" }));
    const last = loss(path.at(-1));
    said.textContent = `${WAYS[state.way]}, rate ${state.rate.toFixed(3)}: the loss goes from ${loss(path[0]).toFixed(1)} to ` +
      (last > 1000 ? "more than 1,000: it has jumped out of the ravine." : `${last.toPrecision(2)} in forty steps.`);
  }
  function ellipse(height) {
    const [a, b] = STEEPNESS.map((steep) => Math.sqrt(2 * height / steep));
    const [rx, ry] = [55 * a, 70 * b];
    return `M${200 - rx} 90 a${rx} ${ry} 0 1 0 ${2 * rx} 0 a${rx} ${ry} 0 1 0 ${-2 * rx} 0`;
  }
  const rate = { min: -3, max: -0.3, step: 0.05, value: Math.log10(state.rate), say: (power) => (10 ** power).toFixed(3) };
  place.append(element("div", { class: "controls" }, choice("optimizer", WAYS, (way) => { state.way = way; show(); }),
    slider("learning rate", rate, (power) => { state.rate = 10 ** power; show(); }),
    slider("momentum", { min: 0, max: 0.99, step: 0.01, value: 0.9, say: (value) => value.toFixed(2) }, (value) => { state.momentum = value; show(); })),
  said, picture);
  show();
})();
