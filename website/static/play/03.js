// A router: the k largest logits are chosen, and a softmax over these alone weighs their experts.
"use strict";

// { ids, weights }: the chosen experts, best first, of equal ones the first, and their gate weights.
function routeTopK(logits, k) {
  const ids = logits.map((_, expert) => expert).sort((a, b) => logits[b] - logits[a] || a - b).slice(0, k);
  return { ids, weights: softmax(ids.map((expert) => logits[expert])) };
}

(() => {
  const place = document.getElementById("play-router");
  if (!place) return;
  const logits = [1.0, 0.2, 2.1, -1.0, 0.6, -0.4];
  let k = 2;
  const chart = element("div", { class: "chart" });
  const said = element("p", { "aria-live": "polite" });

  function show() {
    const { ids, weights } = routeTopK(logits, k);
    const all = softmax(logits);
    chart.replaceChildren(...logits.map((_, expert) => {
      const rank = ids.indexOf(expert);
      const weight = rank < 0 ? 0 : weights[rank];
      return barRow(`expert ${expert}`, weight, rank < 0 ? "not chosen" : weight.toFixed(2), rank < 0 ? "" : "chosen");
    }));
    said.textContent = `Chosen: ${ids.map((expert, i) => `expert ${expert} with ${weights[i].toFixed(2)}`).join(", ")}. ` +
      `The others, ${(100 * ids.reduce((rest, expert) => rest - all[expert], 1)).toFixed(0)}% of the softmax over all, do no work.`;
  }
  const say = (value) => value.toFixed(1).replace("-", "−");
  place.append(element("div", { class: "controls" }, slider("k", { min: 1, max: 6, step: 1, value: k }, (value) => { k = value; show(); }),
    ...logits.map((value, expert) => slider(`logit of expert ${expert}`, { min: -3, max: 3, step: 0.1, value, say },
      (moved) => { logits[expert] = moved; show(); }))), said, chart);
  show();
})();
