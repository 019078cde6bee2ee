// The card of a token: its probability, what else the model thought of, and the experts at work.
"use strict";

const END_OF_TEXT = "<|endoftext|>";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// A token as text in which nothing is invisible: a space is ␣, a line break ⏎, half a letter its bytes.
function visible(bytes) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return `‹${Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ")}›`;
  }
  if (text === END_OF_TEXT) return "the end";
  return text.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\r", "␍").replaceAll("\t", "⇥");
}

// A share as a reader likes it: 46 %, 1.2 %, under 0.1 %.
function percent(share) {
  if (share < 0.001) return "under 0.1 %";
  return share >= 0.1 ? `${(100 * share).toFixed(0)} %` : `${(100 * share).toFixed(1)} %`;
}

function fillCard(card, line) {
  const name = line.is_end ? "the end" : visible(new TextEncoder().encode(line.text));
  const drawn = line.sampling_probability;
  const heading = element("span", "heading");
  const after = drawn === 1 ? "the only choice" : `drawn with ${percent(drawn)}`; // greedy, or all others removed
  heading.append(element("b", "", name), ` had ${percent(line.probability)}; ${after}`);
  const others = line.alternatives.map(([bytes, probability]) => {
    const row = element("span", "other");
    const bar = element("span", "bar");
    bar.style.width = `${100 * probability}%`;
    row.append(element("code", "", visible(bytes)), element("span", "", percent(probability)), bar);
    return row;
  });
  card.replaceChildren(heading, ...others);
  if (line.experts.length) {
    const layers = line.experts.map((experts, layer) => `layer ${layer}: ${experts.join(", ")}`);
    card.append(element("span", "experts", `experts at work: ${layers.join(" · ")}`));
  }
}

// Beside its token and whole on the screen: below where there is room, else above.
function placeCard(card, token) {
  const edge = 8;
  const lines = token.getClientRects(); // a token that is broken over two lines has two
  const at = lines[lines.length - 1];
  const { offsetWidth: width, offsetHeight: height } = card;
  const { clientWidth, clientHeight } = document.documentElement;
  const left = Math.max(edge, Math.min(at.left, clientWidth - width - edge));
  const below = at.bottom + 4, above = lines[0].top - height - 4;
  const top = below + height + edge <= clientHeight || above < edge ? below : above;
  card.style.left = `${left}px`;
  card.style.top = `${Math.max(edge, Math.min(top, clientHeight - height - edge))}px`;
}
