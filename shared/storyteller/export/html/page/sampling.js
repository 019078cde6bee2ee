// From logits to one token: the filters of storyteller.inference.sampling, in the same order, and one draw.
"use strict";

// The random numbers of a seed, from 0 up to but not including 1: mulberry32 (Tommy Ettinger, in the public domain).
// A counter of 32 bits goes up by an odd constant, so it meets every value once; the rest stirs its bits. The library
// draws from PyTorch's generator: there the same seed tells another story.
function uniformDraws(seed) {
  let counter = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  return () => {
    counter = (counter + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(counter ^ (counter >>> 15), counter | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

const byHeight = (x) => Array.from(x.keys()).sort((a, b) => x[b] - x[a]);

// Change the logits (V) in place as the settings say; `seen` holds the ids that the text has already.
function applyFilters(logits, settings, seen) {
  const { repetition_penalty: penalty, temperature, top_k, top_p, min_p, typical_p } = settings;
  if (penalty !== 1) {
    for (const id of seen) logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
  }
  if (settings.greedy) return; // the others shape what is drawn from, and nothing is drawn
  if (temperature !== 1) for (let i = 0; i < logits.length; i++) logits[i] /= temperature;
  if (top_k !== null) {
    const kthBest = logits.slice().sort()[logits.length - Math.min(top_k, logits.length)];
    removeWhere(logits, (logit) => logit < kthBest);
  }
  if (top_p !== null && top_p < 1) keepTopP(logits, top_p);
  if (min_p !== null && min_p > 0) {
    const lowest = logits.reduce((a, b) => Math.max(a, b)) + Math.log(min_p);
    removeWhere(logits, (logit) => logit < lowest);
  }
  if (typical_p !== null && typical_p < 1) keepTypicalP(logits, typical_p);
}

function removeWhere(logits, isRemoved) {
  for (let i = 0; i < logits.length; i++) if (isRemoved(logits[i], i)) logits[i] = -Infinity;
}

// Keep the smallest set of likeliest tokens that together reach p (Holtzman et al. 2020, section 3.1).
function keepTopP(logits, p) {
  const probs = softmax(Float64Array.from(logits));
  let sum = 0;
  for (const id of byHeight(probs)) {
    if (sum >= p) logits[id] = -Infinity;
    sum += probs[id];
  }
}

// Keep the tokens whose surprise is nearest to the expected one, until together they reach p (Meister et al. 2023).
function keepTypicalP(logits, p) {
  const probs = softmax(Float64Array.from(logits));
  let entropy = 0;
  for (const prob of probs) if (prob > 0) entropy -= prob * Math.log(prob);
  const distance = Array.from(probs, (prob) => Math.abs(-Math.log(prob) - entropy));
  let sum = 0, farthest = Infinity; // the distance of the token that reaches p
  for (const id of Array.from(distance.keys()).sort((a, b) => distance[a] - distance[b])) {
    sum += probs[id];
    if (sum >= p) {
      farthest = distance[id];
      break;
    }
  }
  removeWhere(logits, (_, id) => distance[id] > farthest);
}

// The probabilities divide the line from 0 to 1 into intervals, one a token: the one in which `uniform` lies is drawn.
function drawToken(probs, uniform) {
  const sum = probs.reduce((a, b) => a + b);
  let end = 0, last = 0;
  for (let id = 0; id < probs.length; id++) {
    if (probs[id] === 0) continue;
    end += probs[id];
    last = id;
    if (end > uniform * sum) return id;
  }
  return last; // rounding
}

// The ids of the n highest values, the highest first; of equal ones the first.
function likeliest(x, n = 1) {
  const best = [];
  for (let id = 0; id < x.length; id++) {
    if (best.length === n && !(x[id] > x[best[n - 1]])) continue;
    let place = best.length;
    while (place > 0 && x[id] > x[best[place - 1]]) place--;
    best.splice(place, 0, id);
    best.length = Math.min(best.length, n);
  }
  return best;
}
