// Temperature, top-k, top-p and min-p on the distribution of a next token, in the library's order.
"use strict";

// The probabilities that are drawn from; 0 for a token that was cut off.
function filtered(logits, { temperature, topK, topP, minP }) {
  let kept = logits.map((logit) => logit / temperature);
  const order = kept.map((_, token) => token).sort((a, b) => kept[b] - kept[a] || a - b);
  const cut = (keep) => { kept = kept.map((logit, token) => (keep(token) ? logit : -Infinity)); };
  const top = new Set(order.slice(0, topK));
  cut((token) => top.has(token));
  let probs = softmax(kept);
  const within = new Set();
  let sum = 0;
  for (const token of order) {
    if (sum >= topP) break; // the token with which the sum reaches the mark stays
    within.add(token);
    sum += probs[token];
  }
  cut((token) => within.has(token));
  probs = softmax(kept);
  const least = minP * Math.max(...probs);
  cut((token) => probs[token] >= least);
  return softmax(kept);
}

(() => {
  const place = document.getElementById("play-sampling");
  if (!place) return;
  const tokens = [" girl", " boy", " fox", " mouse", " owl", " bear", " boat", " kite", " cloud", " spoon", " of", " the"];
  const logits = [3.1, 2.9, 2.2, 1.9, 1.4, 1.2, 0.6, 0.3, -0.2, -0.8, -1.5, -2.0];
  const settings = { temperature: 1, topK: tokens.length, topP: 1, minP: 0 };
  const own = softmax(logits);
  const chart = element("div", { class: "chart" });
  const said = element("p", { "aria-live": "polite" });
  const drawn = element("p", { "aria-live": "polite", class: "small" }, "");

  function show() {
    const probs = filtered(logits, settings);
    const most = Math.max(...probs, ...own);
    chart.replaceChildren(...tokens.map((token, i) => {
      const row = barRow(token.trim(), probs[i] / most, probs[i] ? `${(100 * probs[i]).toFixed(1)}%` : "cut off", probs[i] ? "chosen" : "");
      row.querySelector(".track").prepend(element("span", { class: "bar before", style: `width:${(100 * own[i] / most).toFixed(2)}%` }));
      return row;
    }));
    const entropy = probs.reduce((sum, p) => sum - (p ? p * Math.log2(p) : 0), 0);
    said.textContent = `${probs.filter(Boolean).length} of ${tokens.length} tokens are left, as uncertain as ${(2 ** entropy).toFixed(1)} equally likely ones.`;
    drawn.textContent = "";
  }
  function draw() {
    const probs = filtered(logits, settings);
    drawn.textContent = Array.from({ length: 20 }, () => {
      let rest = Math.random();
      return tokens[Math.max(0, probs.findIndex((p) => (rest -= p) < 0))].trim();
    }).join(", ");
  }
  const control = (label, name, options) => slider(label, { ...options, value: settings[name] }, (value) => { settings[name] = value; show(); });
  place.append(element("div", { class: "controls" },
    control("temperature", "temperature", { min: 0.1, max: 3, step: 0.05, say: (value) => value.toFixed(2) }),
    control("top-k", "topK", { min: 1, max: tokens.length, step: 1 }),
    control("top-p", "topP", { min: 0.05, max: 1, step: 0.05, say: (value) => value.toFixed(2) }),
    control("min-p", "minP", { min: 0, max: 1, step: 0.05, say: (value) => value.toFixed(2) })),
  said, chart, element("div", { class: "buttons" }, button("Draw twenty", draw)), drawn);
  show();
})();
