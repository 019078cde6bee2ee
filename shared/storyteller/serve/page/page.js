// The page: asks for a story, shows its tokens as they come, and lets the keyboard walk through them.
"use strict";

const at = (id) => document.getElementById(id);
const story = at("story");
let asking = null; // the AbortController of the story that is being generated

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  tell();
});
at("stop").addEventListener("click", () => asking?.abort());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") asking?.abort();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !asking) tell();
});

// Greedy draws nothing, so what says how to draw is grayed out. "pageshow": a browser may bring the form back as it was.
function disableIgnored() {
  at("drawing").disabled = at("greedy").checked;
}
at("greedy").addEventListener("change", disableIgnored);
window.addEventListener("pageshow", disableIgnored);

// What the fields say. An empty one means: not used. What is no number goes to the server as it is, which says what is wrong.
function settings() {
  const request = { opening: at("opening").value };
  for (const field of at("form").querySelectorAll("input")) {
    if (field.type === "checkbox") request[field.id] = field.checked;
    else if (!field.matches(":disabled") && (field.validity.badInput || field.value.trim() !== "")) {
      const value = field.validity.badInput ? NaN : Number(field.value);
      if (Number.isNaN(value)) throw new Error(`${field.labels[0].textContent.trim()} must be a number.`);
      request[field.id] = value;
    }
  }
  return request;
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
    const answer = await fetch("/tell", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
      signal: stopper.signal,
    });
    if (!answer.ok) throw new Error((await answer.json()).error);
    begin(request.opening);
    for await (const line of lines(answer.body)) show(line);
  } catch (error) {
    if (error.name === "AbortError") status("Stopped.");
    else if (error instanceof TypeError) problem("The server does not answer; is storyteller serve still running?");
    else problem(error.message);
  } finally {
    asking = null;
    busy(false);
  }
}

// The answer's lines, each as soon as it is whole.
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}

function show(line) {
  if (line.error) throw new Error(line.error);
  if (line.waiting) status(`Waiting for ${line.waiting === 1 ? "another story" : `${line.waiting} other stories`} ...`);
  if (line.html) {
    story.insertAdjacentHTML("beforeend", line.html); // made by our server, with everything in it escaped
    if (!story.querySelector(".token[tabindex='0']")) story.querySelector(".token").tabIndex = 0;
    status("Telling ...");
  }
  if (line.done) {
    const speed = Math.round(line.tokens / Math.max(line.seconds, 1e-3));
    status(`${line.tokens} tokens, ${speed} a second${line.ended ? "" : "; cut here, the model had not ended"}.`);
  }
}

function begin(opening) {
  story.replaceChildren();
  const span = document.createElement("span");
  span.className = "opening";
  span.textContent = opening;
  story.append(span);
}

function busy(is) {
  at("tell").disabled = is;
  at("stop").disabled = !is;
  story.setAttribute("aria-busy", is);
}

function status(text) {
  if (at("status").textContent !== text) at("status").textContent = text;
}

function problem(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
  if (text) status("");
}

// A card opens to the left where it would leave the page on the right.
function place(event) {
  const token = event.target.closest?.(".token");
  if (token) token.classList.toggle("right", token.getBoundingClientRect().left > document.body.clientWidth / 2);
}
story.addEventListener("pointerover", place);
story.addEventListener("focusin", place);

// One token is reached with Tab, the others from there with the arrow keys.
story.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const here = event.target.closest(".token");
  if (!step || !here) return;
  const tokens = [...story.querySelectorAll(".token")];
  const next = tokens[tokens.indexOf(here) + step];
  if (!next) return;
  event.preventDefault();
  here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});
