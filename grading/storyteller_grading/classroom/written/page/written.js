"use strict";

// Saves points and comments as they are typed, and knows the keys. What was saved last stands in each article's
// data; what is in a field and was not saved yet keeps the page from being left without a question.

const token = new URLSearchParams(location.search).get("token") ?? "";
const articles = [...document.querySelectorAll("article")];
const problem = document.getElementById("problem");
let current = null;

const pointsOf = article => article.querySelector(".points");
const commentOf = article => article.querySelector("textarea");
const saidBy = article => article.querySelector(".said");
const waits = article => article.classList.contains("waits");
const unsaved = article =>
  pointsOf(article).value.trim() !== article.dataset.points || commentOf(article).value !== article.dataset.comment;

function remember(article) {
  article.dataset.points = pointsOf(article).value.trim();
  article.dataset.comment = commentOf(article).value;
}

function fit(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

function say(article, text, failed = false) {
  saidBy(article).textContent = text;
  article.classList.toggle("failed", failed);
}

function count() {
  const graded = articles.filter(article => !waits(article)).length;
  document.getElementById("graded").textContent = graded;
  document.querySelector("progress").value = graded;
}

async function send(article) {
  if (!unsaved(article)) return true;
  const points = pointsOf(article).value, comment = commentOf(article).value;
  const { student, version } = article.dataset;
  say(article, "saving …");
  let reply, answer;
  try {
    reply = await fetch("/grade", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Authorization": `token ${token}` },
      body: JSON.stringify({ question: document.body.dataset.question, student, points, comment, version }),
    });
    answer = await reply.json();
  } catch {
    say(article, "Not saved: nobody answers. Is storyteller-grade written still running?", true);
    return false;
  }
  if (!reply.ok) {
    say(article, `Not saved: ${answer.error}`, true);
    return false;
  }
  article.dataset.version = answer.version;
  article.dataset.points = answer.points;
  article.dataset.comment = comment;
  if (pointsOf(article).value === points) pointsOf(article).value = answer.points;
  article.classList.toggle("waits", answer.waits);
  article.classList.toggle("graded", !answer.waits);
  article.querySelector(".state").textContent = answer.waits ? "waits" : "graded";
  say(article, answer.waits && comment ? "The comment is saved; points are missing." : "saved");
  count();
  return true;
}

const sending = new Map();  // by article: one request after the other, or the second would be out of date

function save(article) {
  const done = (sending.get(article) ?? Promise.resolve()).then(() => send(article));
  sending.set(article, done);
  return done;
}

function goTo(article) {
  if (!article) return;
  current?.classList.remove("current");
  current = article;
  article.classList.add("current");
  const top = document.querySelector("header").getBoundingClientRect().bottom;
  scrollTo({ top: scrollY + article.getBoundingClientRect().top - Math.max(top, 0) - 8 });
  if (!article.contains(document.activeElement)) article.focus({ preventScroll: true });
}

function step(by) {
  const place = articles.indexOf(current);
  goTo(articles[Math.min(Math.max(place + by, 0), articles.length - 1)]);
}

function nextWaiting() {
  const place = articles.indexOf(current);
  const order = [...articles.slice(place + 1), ...articles.slice(0, place + 1)];
  const next = order.find(article => waits(article) && article !== current);
  if (next) goTo(next);
  else if (articles.every(article => !waits(article))) problem.textContent = "All are graded.";
  return next;
}

async function saveAndGoOn(article) {
  problem.textContent = "";
  if (await save(article) && current === article) {
    document.activeElement.blur();
    const next = nextWaiting();
    if (next) pointsOf(next).focus({ preventScroll: true });
  }
}

document.addEventListener("keydown", event => {
  const field = event.target.closest("input.points, textarea");
  const article = event.target.closest("article") ?? current;
  if (field) {
    if (event.key === "Escape") {
      article.focus({ preventScroll: true });
    } else if (event.key === "Enter" && (field.matches(".points") || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      saveAndGoOn(article);
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("summary, a, label")) return;
  if (/^[0-9]$/.test(event.key) && article) {
    pointsOf(article).focus({ preventScroll: true });
    pointsOf(article).select();  // the digit takes the place of what stands there
  } else if (event.key === "j" || event.key === "ArrowDown") step(1);
  else if (event.key === "k" || event.key === "ArrowUp") step(-1);
  else if (event.key === "n") nextWaiting();
  else if (event.key === "c" && article) commentOf(article).focus({ preventScroll: true });
  else if (event.key === "Enter" && article) nextWaiting();
  else return;
  if (!/^[0-9]$/.test(event.key)) event.preventDefault();
});

articles.forEach((article, number) => {
  remember(article);
  fit(commentOf(article));
  article.querySelector(".number").textContent = `${number + 1} of ${articles.length}`;
  article.addEventListener("focusin", () => {
    if (current !== article) {
      current?.classList.remove("current");
      current = article;
      article.classList.add("current");
    }
  });
  article.addEventListener("change", () => save(article));
  commentOf(article).addEventListener("input", event => fit(event.target));
});

addEventListener("beforeunload", event => {
  if (articles.some(unsaved)) event.preventDefault();
});

const names = document.getElementById("names");
names.addEventListener("change", () => document.body.classList.toggle("unnamed", names.checked));
if (matchMedia("(max-width: 60rem)").matches) {
  document.querySelectorAll("aside details").forEach(details => { details.open = false; });
}
const first = articles.find(waits) ?? articles[0];
if (first) {
  current = first;
  first.classList.add("current");
  if (first !== articles[0]) goTo(first);
}
