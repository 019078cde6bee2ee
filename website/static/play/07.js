// A ring all-reduce: first a part is summed up on its way round, then the complete parts go round once more.
"use strict";

// What each rank holds after each exchange: states[exchange][rank][part].
function ringStates(ranks) {
  let held = Array.from({ length: ranks }, (_, rank) => Array.from({ length: ranks }, () => 10 ** rank));
  const states = [held];
  for (let exchange = 0; exchange < 2 * (ranks - 1); exchange++) {
    const next = held.map((parts) => [...parts]);
    for (let rank = 0; rank < ranks; rank++) {
      const part = sentPart(rank, exchange, ranks);
      const right = (rank + 1) % ranks;
      next[right][part] = exchange < ranks - 1 ? held[right][part] + held[rank][part] : held[rank][part];
    }
    held = next;
    states.push(held);
  }
  return states;
}

function sentPart(rank, exchange, ranks) {
  return (((exchange < ranks - 1 ? rank - exchange : rank + 1 - (exchange - ranks + 1)) % ranks) + ranks) % ranks;
}

(() => {
  const place = document.getElementById("play-ring");
  if (!place) return;
  let ranks = 4;
  let exchange = 0;
  const table = element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "what each rank holds" });
  const said = element("p", { "aria-live": "polite" });

  function show() {
    const states = ringStates(ranks);
    exchange = Math.min(exchange, states.length - 1);
    const complete = Number("1".repeat(ranks));
    const head = element("tr", {}, element("td"), ...states[0].map((_, part) => element("th", { scope: "col" }, `part ${part}`)));
    table.replaceChildren(element("table", {}, head, ...states[exchange].map((parts, rank) => element("tr", {},
      element("th", { scope: "row" }, `rank ${rank}`), ...parts.map((value, part) => {
        const leaves = exchange < states.length - 1 && sentPart(rank, exchange, ranks) === part;
        return element("td", { class: value === complete ? "complete" : "" }, String(value).padStart(ranks, "0") + (leaves ? " →" : ""));
      })))));
    const half = exchange < ranks - 1 ? "reduce-scatter: what comes is added" : "all-gather: what comes takes the place of what was there";
    said.textContent = exchange === states.length - 1 ? `After ${exchange} exchanges every rank has the whole sum. Each has sent ${(2 * (ranks - 1) / ranks).toFixed(2)} vectors.`
      : `${exchange} of ${states.length - 1} exchanges made. Next, ${half}; an arrow marks what is sent to the right.`;
  }
  const go = (to) => { exchange = Math.max(0, to); show(); };
  place.append(element("div", { class: "controls" }, slider("ranks", { min: 2, max: 6, step: 1, value: ranks }, (value) => { ranks = value; go(0); })),
    element("div", { class: "buttons" }, button("Exchange", () => go(exchange + 1)), button("Back", () => go(exchange - 1)), button("To the end", () => go(Infinity)),
      button("Begin again", () => go(0))), said, table);
  show();
})();
