// What all figures use: elements of the page and of a drawing, and controls with their values beside them.
"use strict";

function element(tag, attributes = {}, ...children) {
  const isDrawing = ["svg", "g", "circle", "line", "path", "rect", "text", "polyline"].includes(tag);
  const made = isDrawing ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A slider with its label and value. `say` makes words of a value.
function slider(label, { min, max, step, value, say = String }, changed) {
  const input = element("input", { type: "range", min, max, step, value });
  const shown = element("output", {}, say(Number(value)));
  input.addEventListener("input", () => {
    shown.textContent = say(Number(input.value));
    changed(Number(input.value));
  });
  return element("label", {}, element("span", {}, label), input, shown);
}

function button(words, pressed) {
  const made = element("button", { type: "button" }, words);
  made.addEventListener("click", pressed);
  return made;
}

function choice(label, options, changed) {
  const select = element("select", {}, ...options.map((words) => element("option", {}, words)));
  select.addEventListener("change", () => changed(select.selectedIndex));
  return element("label", {}, element("span", {}, label), select);
}

function softmax(logits) {
  const largest = Math.max(...logits);
  const exps = logits.map((logit) => Math.exp(logit - largest));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / sum);
}

// A row of a bar chart: a name, a bar as wide as its share of the whole width, a number.
function barRow(name, share, number, kind = "") {
  const bar = element("span", { class: `bar ${kind}`, style: `width:${(100 * Math.max(0, share)).toFixed(2)}%` });
  return element("div", { class: `row ${kind}` }, element("span", { class: "name" }, name),
    element("span", { class: "track" }, bar), element("span", { class: "number" }, number));
}
