// What the reader sees and does. `tokensOf(request, signal)` tells the stories: local_teller.js or server_teller.js.
"use strict";

const at = (id) => document.getElementById(id);
const story = at("story"), card = at("card");
const told = []; // the stories of this session: { request, lines, ended }
let shown = null; // the one that is seen
let asking = null; // the AbortController of the story that is being told

// --- What is asked for -------------------------------------------------------------------------------------------------

// What the fields say; an empty or disabled one says what it began with.
function settings() {
  const request = { opening: at("opening").value };
  for (const field of at("form").querySelectorAll("input")) {
    if (field.type === "checkbox") {
      request[field.id] = field.checked;
      continue;
    }
    const isUsed = !field.disabled && (field.validity.badInput || field.value.trim() !== "");
    const value = isUsed && !field.validity.badInput ? field.value : field.defaultValue;
    request[field.id] = value === "" ? null : Number(value); // null: not used
    const label = field.labels[0].textContent.trim();
    const { min, max, step } = field;
    if (field.validity.badInput && isUsed) throw new Error(`${label} must be a number.`);
    if (isUsed && (Number(value) < Number(min) || Number(value) > Number(max))) {
      throw new Error(`${label} is ${value}; it must be between ${min} and ${max}.`);
    }
    if (isUsed && step === "1" && !Number.isInteger(Number(value))) {
      throw new Error(`${label} is ${value}; it must be a whole number.`);
    }
  }
  return request;
}

// Whether some story that the model has read begins like this; the same as KnownOpenings.knows in
// storyteller.runs.openings.
const known = JSON.parse(at("known-openings").textContent);
function knows(opening) {
  const words = opening.split(/\s+/).filter(Boolean), head = words.slice(0, known.words).join(" ");
  if (!head || !known.first_words.length) return true;
  return known.first_words.some((first) => (words.length > known.words ? first === head : first.startsWith(head)));
}

function note(text) {
  at("note").textContent = text;
  at("note").hidden = !text;
}

async function tell() {
  if (asking) return;
  const stopper = new AbortController();
  problem("");
  try {
    const request = settings();
    asking = stopper;
    busy(true);
    status("Reading the opening ...");
    await new Promise((resume) => setTimeout(resume)); // let that be seen
    shown = null; // until the first line: a refusal leaves no story behind
    for await (const line of tokensOf(request, stopper.signal)) {
      if (line.error) throw new Error(line.error);
      if (!shown && !line.waiting) begin({ request, lines: [], ended: "" });
      receive(line);
    }
  } catch (error) {
    if (error.name === "AbortError") finish("Stopped.");
    else problem(error.message);
  } finally {
    asking = null;
    busy(false);
  }
}

function receive(line) {
  if (line.waiting) status(`Waiting for ${line.waiting === 1 ? "another story" : `${line.waiting} other stories`} ...`);
  else if (line.done) {
    const speed = Math.round(line.tokens / Math.max(line.seconds, 1e-3));
    finish(`${line.tokens} tokens, ${speed} a second${line.ended ? "" : "; cut here, the model had not ended"}.`);
  } else {
    shown.lines.push(line);
    show(line);
    status("Telling ...");
  }
}

function begin(one) {
  shown = one;
  told.push(one);
  open(one);
  listStories();
}

function finish(text) {
  if (shown) shown.ended = text;
  status(text);
  listStories();
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  tell();
});
at("another").addEventListener("click", () => {
  if (asking) return;
  const seed = at("seed"), next = Math.floor(Number(seed.value)) + 1;
  seed.value = next <= Number(seed.max) ? next : seed.min;
  tell();
});
at("stop").addEventListener("click", () => asking?.abort());
for (const button of document.querySelectorAll("[data-opening]")) {
  button.addEventListener("click", () => {
    if (asking) return;
    at("opening").value = button.dataset.opening;
    tell();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    asking?.abort();
    hideCard();
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) tell();
});

// Greedy draws nothing, so what says how to draw is grayed out. "pageshow": a browser may bring the form back as it was.
function disableIgnored() {
  for (const field of document.querySelectorAll("[data-drawing]")) field.disabled = at("greedy").checked;
  at("another").disabled = at("greedy").checked || asking !== null;
}
at("greedy").addEventListener("change", disableIgnored);
window.addEventListener("pageshow", disableIgnored);

function busy(is) {
  for (const button of document.querySelectorAll("#tell, [data-opening], #history button")) button.disabled = is;
  at("stop").disabled = !is;
  story.setAttribute("aria-busy", is);
  disableIgnored();
}

function status(text) {
  if (at("status").textContent !== text) at("status").textContent = text;
}

function problem(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
  if (text) status("");
}

// --- The story ---------------------------------------------------------------------------------------------------------

function open(one) {
  hideCard();
  shown = one;
  note(knows(one.request.opening) ? "" : known.warning);
  story.replaceChildren(element("span", "opening", one.request.opening));
  for (const line of one.lines) show(line);
  at("after").hidden = false;
  status(one.ended);
}

// A token within a character has no text; the one that completes the character shows both.
function show(line) {
  if (!line.text && !line.is_end) return;
  const token = element("span", line.is_end ? "token end" : "token", line.is_end ? "∎" : line.text);
  token.tabIndex = story.querySelector(".token") ? -1 : 0;
  token.line = line;
  offerColours(line.experts.length);
  colour(token);
  story.append(token);
}

// The stronger a token's ground, the less the model expected it; or a colour for each expert that the token went to first.
function colour(token) {
  const layer = at("colours").value;
  if (layer === "probability") {
    token.style.setProperty("--surprise", 0.72 * (1 - token.line.probability) ** 1.5);
    token.style.removeProperty("--hue");
  } else token.style.setProperty("--hue", (token.line.experts[layer][0] * 137.5) % 360);
}

function offerColours(layers) {
  for (let layer = at("colours").length - 1; layer < layers; layer++) {
    at("colours").add(new Option(`the first expert, layer ${layer}`, layer));
  }
}

function explainColours() {
  const byProbability = at("colours").value === "probability";
  at("scale").hidden = !byProbability;
  at("legend").textContent = byProbability
    ? "The stronger a token's ground, the less the model expected it."
    : "Each colour is an expert: the first of those that the token before was routed to.";
}
at("colours").addEventListener("change", () => {
  for (const token of story.querySelectorAll(".token")) colour(token);
  explainColours();
});
for (const sample of document.querySelectorAll("[data-probability]")) {
  sample.line = { probability: Number(sample.dataset.probability) };
  colour(sample);
}
explainColours();

at("picture").addEventListener("click", () => {
  const { request, lines } = shown;
  const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const text = request.opening + lines.map((line) => line.text).join("");
  savePicture(drawStory({ text, seed: request.seed }, at("summary").textContent, scheme), `story-${request.seed}.png`);
});

// --- The card ----------------------------------------------------------------------------------------------------------

function showCard(token) {
  hideCard();
  fillCard(card, token.line);
  card.hidden = false;
  placeCard(card, token);
  token.setAttribute("aria-describedby", "card");
}

function hideCard() {
  card.hidden = true;
  story.querySelector("[aria-describedby]")?.removeAttribute("aria-describedby");
}

const tokenAt = (event) => event.target.closest?.("#story .token");
const focused = () => document.activeElement.closest?.("#story .token");
story.addEventListener("pointerover", (event) => tokenAt(event) && showCard(tokenAt(event)));
story.addEventListener("pointerout", () => (focused() ? showCard(focused()) : hideCard()));
story.addEventListener("focusin", (event) => tokenAt(event) && showCard(tokenAt(event)));
story.addEventListener("focusout", hideCard);
window.addEventListener("scroll", () => (focused() ? placeCard(card, focused()) : hideCard()), { passive: true });

// One token is reached with Tab, the others from there with the arrow keys.
story.addEventListener("keydown", (event) => {
  const here = tokenAt(event);
  if (!here) return;
  const tokens = [...story.querySelectorAll(".token")], place = tokens.indexOf(here);
  const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tokens.length - 1 }[event.key];
  if (next === undefined || !tokens[next]) return;
  event.preventDefault();
  here.tabIndex = -1;
  tokens[next].tabIndex = 0;
  tokens[next].focus();
});

// --- The stories of this session -----------------------------------------------------------------------------------------

function listStories() {
  at("past").hidden = told.length < 2;
  at("history").replaceChildren(
    ...told.map((one) => {
      const text = (one.request.opening + one.lines.map((line) => line.text).join("")).replace(/\s+/g, " ").trim();
      const item = element("li"), button = element("button", "", text || "(an empty story)");
      button.type = "button";
      button.disabled = asking !== null && one.ended === "";
      if (one === shown) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => {
        if (asking) return;
        open(one);
        listStories();
        story.focus({ preventScroll: true });
        story.scrollIntoView({ block: "start" });
      });
      item.append(button, element("small", "", `seed ${one.request.seed}`));
      return item;
    }),
  );
}
