// Byte-pair encoding, merge by merge, on typed words.
"use strict";

// The merges of byte-level BPE on words with their counts: [[left, right, how often], ...]; a token is its text.
function learnMerges(text, limit) {
  const ids = new Map();
  const idOf = (token) => ids.get(token) ?? token.codePointAt(0);
  const counts = new Map();
  for (const word of text.split(/\s+/).filter(Boolean)) counts.set(word, (counts.get(word) ?? 0) + 1);
  let words = [...counts].map(([word, often]) => ({ tokens: [...word], often }));
  const merges = [];
  const states = [words];
  while (merges.length < limit) {
    const pairs = new Map();
    for (const { tokens, often } of words) {
      for (let i = 0; i + 1 < tokens.length; i++) {
        const key = `${tokens[i]} ${tokens[i + 1]}`;
        pairs.set(key, (pairs.get(key) ?? 0) + often);
      }
    }
    if (!pairs.size) break;
    const ranked = [...pairs].map(([key, often]) => [...key.split(" "), often]);
    ranked.sort((a, b) => b[2] - a[2] || idOf(a[0]) - idOf(b[0]) || idOf(a[1]) - idOf(b[1]));
    const [left, right, often] = ranked[0];
    ids.set(left + right, 0x110000 + merges.length);
    words = words.map((word) => ({ ...word, tokens: merged(word.tokens, left, right) }));
    merges.push({ left, right, often, ranked: ranked.slice(0, 5) });
    states.push(words);
  }
  return { merges, states };
}

function merged(tokens, left, right) {
  const result = [];
  for (let i = 0; i < tokens.length; i++) {
    const isPair = tokens[i] === left && tokens[i + 1] === right;
    result.push(isPair ? left + right : tokens[i]);
    if (isPair) i++;
  }
  return result;
}

(() => {
  const place = document.getElementById("play-bpe");
  if (!place) return;
  const input = element("input", { type: "text", value: "fox fox fox fox fox box box box foxes foxes ox" });
  const words = element("div", { class: "words" });
  const pairs = element("div", { class: "chart" });
  const said = element("p", { "aria-live": "polite" });
  let learned = learnMerges(input.value, 40);
  let step = 0;

  function show() {
    step = Math.min(step, learned.merges.length);
    words.replaceChildren(...learned.states[step].map(({ tokens, often }) => element("span", { class: "word" },
      ...tokens.map((token) => element("span", { class: token.length > 1 ? "token merged" : "token" }, token)), ` ×${often}`)));
    const next = learned.merges[step];
    const most = next ? next.ranked[0][2] : 1;
    pairs.replaceChildren(...(next ? next.ranked.map(([left, right, often], i) =>
      barRow(`${left} ${right}`, often / most, `${often}`, i ? "" : "chosen")) : []));
    const before = learned.merges[step - 1];
    said.textContent = (before ? `Merge ${step}: “${before.left}” and “${before.right}” became one token. ` : "No merge yet. ") +
      (next ? `The next pair is “${next.left}” “${next.right}”, ${next.often} times.` : "Every word is one token: nothing is left to merge.");
  }
  const go = (to) => { step = Math.max(0, to); show(); };
  input.addEventListener("input", () => { learned = learnMerges(input.value, 40); go(0); });
  place.append(element("label", { class: "wide" }, element("span", {}, "words"), input),
    element("div", { class: "buttons" }, button("Merge", () => go(step + 1)), button("Back", () => go(step - 1)),
      button("All", () => go(Infinity)), button("Begin again", () => go(0))), said, words, pairs);
  show();
})();
