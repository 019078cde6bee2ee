// The decoder, one token at a time: what storyteller.transformer and storyteller.moe compute, with weights of 8 bits.
//
// Legend: D model width, H query heads, G key and value heads, Dh head width, F feed-forward width of one expert,
// E experts, k experts that a token is routed to, V vocabulary.
"use strict";

// A matrix of whole numbers from -127 to 127 with one scale for each row: row r is scales[r] * values[r].
class Int8Matrix {
  constructor(values, scales, columns) {
    this.values = values; // rows * columns
    this.scales = scales; // rows
    this.columns = columns;
  }

  // out = rows [first, first + out.length) times x
  multiply(x, out, first = 0) {
    const { values, scales, columns } = this;
    const whole = columns - (columns % 4);
    for (let row = 0; row < out.length; row++) {
      const start = (first + row) * columns;
      let a = 0, b = 0, c = 0, d = 0; // four sums that do not wait for each other
      for (let i = 0; i < whole; i += 4) {
        a += values[start + i] * x[i];
        b += values[start + i + 1] * x[i + 1];
        c += values[start + i + 2] * x[i + 2];
        d += values[start + i + 3] * x[i + 3];
      }
      for (let i = whole; i < columns; i++) a += values[start + i] * x[i];
      out[row] = (a + b + (c + d)) * scales[first + row];
    }
  }

  addRow(row, out) {
    for (let i = 0; i < this.columns; i++) out[i] += this.values[row * this.columns + i] * this.scales[row];
  }
}

// Zhang and Sennrich 2019, equation 4.
function rmsNorm(x, weight, eps, out) {
  let squares = 0;
  for (const feature of x) squares += feature * feature;
  const scale = 1 / Math.sqrt(squares / x.length + eps);
  for (let i = 0; i < x.length; i++) out[i] = x[i] * scale * weight[i];
}

// In place, over the first n values.
function softmax(x, n = x.length) {
  let highest = -Infinity, sum = 0;
  for (let i = 0; i < n; i++) highest = Math.max(highest, x[i]);
  for (let i = 0; i < n; i++) sum += x[i] = Math.exp(x[i] - highest);
  for (let i = 0; i < n; i++) x[i] /= sum;
  return x;
}

class Model {
  // config: the fields of ModelConfig. weights: name in the state dict -> Int8Matrix, or Float32Array as it was trained.
  constructor(config, weights) {
    this.config = config;
    this.weights = weights;
    this.experts = []; // of the newest token, for each MoE layer: the chosen experts, best first
    this.length = 0; // tokens read
    const { d_model: D, n_heads: H, n_kv_heads: G, n_layers, max_seq_len, d_ff: F } = config;
    this.headWidth = D / H;
    const cached = () => Array.from({ length: n_layers }, () => new Float32Array(max_seq_len * G * this.headWidth));
    this.keys = cached();
    this.values = cached();
    // What each step writes into.
    this.x = new Float32Array(D);
    this.normed = new Float32Array(D);
    this.added = new Float32Array(D);
    this.mixed = new Float32Array(D);
    this.qkv = new Float32Array((H + 2 * G) * this.headWidth);
    this.scores = new Float64Array(max_seq_len);
    this.hidden = new Float32Array(2 * F);
    this.logits = new Float32Array(config.vocab_size);
    // How far RoPE turns each pair of features from one position to the next (RoFormer, section 3.2.2).
    this.frequencies = Float32Array.from(
      { length: this.headWidth / 2 }, (_, i) => config.rope_base ** ((-2 * i) / this.headWidth),
    );
  }

  reset() {
    this.length = 0;
  }

  // Read the next token: the logits of the one after it, overwritten by the next call.
  read(token) {
    const { config, weights, x, normed, added } = this;
    x.fill(0);
    weights["embedding.weight"].addRow(token, x);
    if (config.positions === "learned") weights["position.weight"].addRow(this.length, x);
    this.experts = [];
    for (let layer = 0; layer < config.n_layers; layer++) {
      const part = (name) => weights[`blocks.${layer}.${name}`];
      rmsNorm(x, part("attention_norm.weight"), config.norm_eps, normed);
      this.attend(layer, part); // normed -> added
      for (let i = 0; i < x.length; i++) x[i] += added[i];
      rmsNorm(x, part("feed_forward_norm.weight"), config.norm_eps, normed);
      added.fill(0);
      if (config.n_experts) this.route(part);
      else this.swiglu(part("feed_forward.gate_up.weight"), part("feed_forward.down.weight"), 0, 1);
      for (let i = 0; i < x.length; i++) x[i] += added[i];
    }
    this.length += 1;
    rmsNorm(x, weights["norm.weight"], config.norm_eps, normed);
    weights[config.tie_embeddings ? "embedding.weight" : "head.weight"].multiply(normed, this.logits);
    return this.logits;
  }

  // Grouped-query attention of the newest token to all that were read (Ainslie et al. 2023, section 2.2).
  attend(layer, part) {
    const { config, headWidth: Dh, qkv, scores, mixed, length } = this;
    const { n_heads: H, n_kv_heads: G } = config;
    part("attention.qkv.weight").multiply(this.normed, qkv);
    if (config.positions === "rope") this.turn(qkv, H + G);
    const keys = this.keys[layer], values = this.values[layer];
    keys.set(qkv.subarray(H * Dh, (H + G) * Dh), length * G * Dh);
    values.set(qkv.subarray((H + G) * Dh), length * G * Dh);
    mixed.fill(0);
    for (let head = 0; head < H; head++) {
      const group = Math.floor(head / (H / G)); // neighbouring query heads share a key head
      for (let t = 0; t <= length; t++) {
        const at = (t * G + group) * Dh;
        let product = 0;
        for (let i = 0; i < Dh; i++) product += qkv[head * Dh + i] * keys[at + i];
        scores[t] = product / Math.sqrt(Dh);
      }
      softmax(scores, length + 1);
      for (let t = 0; t <= length; t++) {
        const at = (t * G + group) * Dh;
        for (let i = 0; i < Dh; i++) mixed[head * Dh + i] += scores[t] * values[at + i];
      }
    }
    part("attention.out.weight").multiply(mixed, this.added);
  }

  // RoPE: feature i is paired with feature i + Dh/2, as in Llama and Mixtral.
  turn(heads, count) {
    const { headWidth: Dh, frequencies, length } = this;
    for (let i = 0; i < Dh / 2; i++) {
      const angle = Math.fround(length * frequencies[i]); // float32, as in the library's table
      const cos = Math.cos(angle), sin = Math.sin(angle);
      for (let head = 0; head < count; head++) {
        const at = head * Dh + i;
        const first = heads[at], second = heads[at + Dh / 2];
        heads[at] = first * cos - second * sin;
        heads[at + Dh / 2] = first * sin + second * cos;
      }
    }
  }

  // The router's k best experts, weighted so that the weights sum to 1 (Jiang et al. 2024, section 2.1).
  route(part) {
    const { n_experts: E, top_k: k, router, d_model: D, d_ff: F } = this.config;
    const weight = part("feed_forward.router.weight"); // E rows of D, in float32
    const scores = new Float32Array(E);
    for (let expert = 0; expert < E; expert++) {
      let logit = 0;
      for (let i = 0; i < D; i++) logit += weight[expert * D + i] * this.normed[i];
      // DeepSeek-V3 scores each expert by its sigmoid; through its logarithm, so that tiny scores do not become 0 / 0.
      scores[expert] = router === "sigmoid" ? Math.min(logit, 0) - Math.log1p(Math.exp(-Math.abs(logit))) : logit;
    }
    const chosen = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]).slice(0, k);
    const gates = softmax(Float64Array.from(chosen, (expert) => scores[expert]));
    chosen.forEach((expert, choice) => {
      this.swiglu(part("feed_forward.gate_up"), part("feed_forward.down"), expert, gates[choice]);
    });
    this.experts.push(chosen);
  }

  // added += gate * down(silu(gate_up's first F rows) * its last F rows), of one expert (Shazeer 2020, equation 6).
  swiglu(gateUp, down, expert, gate) {
    const { d_model: D, d_ff: F } = this.config;
    const { hidden, mixed } = this;
    gateUp.multiply(this.normed, hidden, expert * 2 * F);
    for (let i = 0; i < F; i++) hidden[i] *= hidden[F + i] / (1 + Math.exp(-hidden[i]));
    down.multiply(hidden, mixed, expert * D);
    for (let i = 0; i < D; i++) this.added[i] += gate * mixed[i];
  }
}

// The weights as the page holds them: one row of bytes, and where each tensor lies in it (storyteller.export.html.int8).
function readWeights(tensors, bytes) {
  const weights = {};
  for (const { name, at, length, columns, scales_at, rows } of tensors) {
    weights[name] = columns
      ? new Int8Matrix(new Int8Array(bytes, at, rows * columns), new Float32Array(bytes, scales_at, rows), columns)
      : new Float32Array(bytes, at, length);
  }
  return weights;
}

// Base64 to bytes, a piece at a time, so that no second copy of the whole is made.
function fromBase64(text) {
  text = text.trim();
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let start = 0, at = 0; start < text.length; start += 1 << 16) {
    const piece = atob(text.slice(start, start + (1 << 16)));
    for (let i = 0; i < piece.length; i++) bytes[at++] = piece.charCodeAt(i);
  }
  return bytes.buffer;
}
