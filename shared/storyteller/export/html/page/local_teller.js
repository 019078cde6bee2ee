// The page's back end where the model is in the page itself: the same lines as the server's (server_teller.js).
"use strict";

const N_ALTERNATIVES = 5; // likeliest tokens that a line names
const SLICE = 12; // milliseconds of work between two looks at the page
let loaded = null; // { model, tokenizer }, once a story was asked for

function loadModel() {
  if (loaded) return loaded;
  const { config, tokenizer, tensors } = JSON.parse(document.getElementById("model").textContent);
  const bytes = fromBase64(document.getElementById("weights").textContent);
  document.getElementById("weights").remove();
  loaded = { model: new Model(config, readWeights(tensors, bytes)), tokenizer: new Tokenizer(tokenizer) };
  return loaded;
}

// The logits of the next token of a growing text, which is kept within the model's context. A text that outgrows it
// forgets its older half and is read anew, as in storyteller.inference.generate.
class SlidingContext {
  constructor(model, prompt) {
    this.model = model;
    this.ids = prompt.slice(-model.config.max_seq_len);
  }

  prefill() {
    this.model.reset();
    let logits;
    for (const id of this.ids) logits = this.model.read(id);
    return logits;
  }

  decode(id) {
    const { max_seq_len } = this.model.config;
    this.ids.push(id);
    if (this.ids.length <= max_seq_len) return this.model.read(id);
    this.ids = this.ids.slice(-Math.max(1, Math.floor(max_seq_len / 2)));
    return this.prefill();
  }
}

// Continue an opening: one line for each token, and at last how long it took.
async function* tokensOf(request, signal) {
  const { model, tokenizer } = loadModel();
  // In training, the end-of-text token stood before every story. Spaces at an opening's end are held back: the next
  // token brings its own, which is left out of its text.
  const opening = request.opening.replace(/ +$/, "");
  const prompt = [tokenizer.end, ...tokenizer.encode(opening)];
  let spaces = request.opening.length - opening.length;
  const context = new SlidingContext(model, prompt);
  const draw = uniformDraws(request.seed), seen = new Set(prompt);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const started = performance.now();
  let rested = started, id = null, count = 0;
  while (count < request.length && id !== tokenizer.end) {
    const logits = id === null ? context.prefill() : context.decode(id);
    const experts = model.experts;
    const probs = softmax(Float64Array.from(logits));
    applyFilters(logits, request, seen);
    const filtered = request.greedy ? null : softmax(Float64Array.from(logits));
    id = request.greedy ? likeliest(logits)[0] : drawToken(filtered, draw());
    if (Number.isNaN(probs[id])) throw new Error("The model's scores are not numbers: its training diverged.");
    seen.add(id);
    count += 1;
    const isEnd = id === tokenizer.end;
    const bytes = isEnd ? new Uint8Array() : tokenizer.bytes[id];
    let text = decoder.decode(bytes, { stream: !isEnd && count < request.length });
    for (; spaces > 0 && text.startsWith(" "); spaces--) text = text.slice(1);
    if (text) spaces = 0;
    yield {
      token: id,
      text,
      is_end: isEnd,
      probability: probs[id],
      sampling_probability: request.greedy ? 1 : filtered[id],
      alternatives: likeliest(probs, N_ALTERNATIVES).map((other) => [Array.from(tokenizer.bytes[other]), probs[other]]),
      experts,
    };
    if (performance.now() - rested > SLICE) {
      await new Promise((resume) => setTimeout(resume));
      rested = performance.now();
    }
    if (signal.aborted) throw new DOMException("Stopped.", "AbortError");
  }
  yield { done: true, tokens: count, seconds: (performance.now() - started) / 1000, ended: id === tokenizer.end };
}
