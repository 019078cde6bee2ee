// Rotary positions: clock hands of a query and a key, and the score that only their distance decides.
"use strict";

const SPEEDS = [0, 1, 2, 3].map((pair) => 10000 ** (-2 * pair / 8)); // radians a token, Dh = 8

// The score of a query at m with a key at n, each pair of both (1, 0) before it is turned; 1 at distance 0.
function ropeScore(m, n) {
  return SPEEDS.reduce((sum, speed) => sum + Math.cos(m * speed) * Math.cos(n * speed) + Math.sin(m * speed) * Math.sin(n * speed), 0) / SPEEDS.length;
}

(() => {
  const place = document.getElementById("play-rope");
  if (!place) return;
  const where = { query: 12, key: 9 };
  const clocks = element("div", { class: "clocks" });
  const curve = element("svg", { viewBox: "0 0 400 110", role: "img", "aria-label": "score by distance" });
  const said = element("p", { "aria-live": "polite" });

  function hand(position, speed, kind) {
    const angle = position * speed;
    return element("line", { x1: 50, y1: 50, x2: 50 + 40 * Math.cos(angle), y2: 50 - 40 * Math.sin(angle), class: kind });
  }
  function show() {
    const { query, key } = where;
    clocks.replaceChildren(...SPEEDS.map((speed, pair) => element("figure", {},
      element("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" }, element("circle", { cx: 50, cy: 50, r: 45 }),
        hand(query, speed, "query"), hand(key, speed, "key")),
      element("figcaption", {}, `pair ${pair}: ${Number(speed.toPrecision(2))} radians a token`))));
    const at = (distance) => [200 + distance * 3.1, 95 - 85 * ropeScore(distance, 0)];
    const points = Array.from({ length: 127 }, (_, i) => at(i - 63).join(",")).join(" ");
    const [x, y] = at(query - key);
    curve.replaceChildren(element("line", { x1: 0, x2: 400, y1: 95, y2: 95, class: "axis" }), element("polyline", { points, class: "query" }),
      element("circle", { cx: x, cy: y, r: 6, class: "here" }));
    said.textContent = `Query at ${query}, key at ${key}: distance ${query - key}, score ${ropeScore(query, key).toFixed(3)} of 1.`;
  }
  const both = { min: 0, max: 63, step: 1 };
  const sliders = element("div", { class: "controls" });
  const draw = () => sliders.replaceChildren(
    slider("query at", { ...both, value: where.query }, (value) => { where.query = value; show(); }),
    slider("key at", { ...both, value: where.key }, (value) => { where.key = value; show(); }));
  const move = (by) => {
    if (Math.min(where.query, where.key) + by < 0 || Math.max(where.query, where.key) + by > 63) return;
    where.query += by;
    where.key += by;
    draw();
    show();
  };
  draw();
  place.append(sliders, element("div", { class: "buttons" }, button("Both back", () => move(-1)), button("Both on", () => move(1)),
    button("Both ten on", () => move(10))), said, clocks, curve, element("p", { class: "small" }, "The curve: the score by distance, −63 to 63; the dot is this pair."));
  show();
})();
