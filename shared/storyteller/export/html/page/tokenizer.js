// Byte-level BPE with GPT-2's pre-tokenizer: the same ids as storyteller.tokenizer gives.
"use strict";

// GPT-2's pattern (Radford et al. 2019). JavaScript's \s is not Unicode's White_Space, so that stands here by its name.
const WORDS =
  /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

// GPT-2 writes each of the 256 bytes as one printable character: visible ones as themselves, the others from 256 on.
const isVisible = (byte) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
const BYTE_TO_CHARACTER = [];
for (let byte = 0, others = 0; byte < 256; byte++) {
  BYTE_TO_CHARACTER.push(String.fromCharCode(isVisible(byte) ? byte : 256 + others++));
}
const CHARACTER_TO_BYTE = new Map(BYTE_TO_CHARACTER.map((character, byte) => [character, byte]));

class Tokenizer {
  // tokens: the token of each id, in GPT-2's printable characters; a special token by its name.
  // merges: pairs "left right", in the order learned. specials: name -> id. end: the id of <|endoftext|>.
  constructor({ tokens, merges, specials, end }) {
    this.end = end;
    this.specials = specials;
    const isSpecial = new Set(Object.values(specials));
    this.ids = new Map();
    tokens.forEach((token, id) => isSpecial.has(id) || this.ids.set(token, id));
    this.ranks = new Map(merges.map((pair, rank) => [pair, rank]));
    this.bytes = tokens.map((token, id) =>
      isSpecial.has(id)
        ? new TextEncoder().encode(token)
        : Uint8Array.from(token, (character) => CHARACTER_TO_BYTE.get(character)),
    );
  }

  encode(text) {
    for (const name of Object.keys(this.specials)) {
      if (text.includes(name)) throw new Error(`The text holds the special token ${name}; take it out.`);
    }
    if (/\p{Surrogate}/u.test(text)) throw new Error("The text holds half a character; take it out.");
    return (text.match(WORDS) ?? []).flatMap((word) => this.encodeWord(word));
  }

  // Apply the merges to one word, the earliest learned first.
  encodeWord(word) {
    let parts = Array.from(new TextEncoder().encode(word), (byte) => BYTE_TO_CHARACTER[byte]);
    while (parts.length > 1) {
      let best = Infinity;
      for (let i = 0; i + 1 < parts.length; i++) {
        best = Math.min(best, this.ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Infinity);
      }
      if (best === Infinity) break;
      const merged = [];
      for (let i = 0; i < parts.length; i++) {
        if (i + 1 < parts.length && this.ranks.get(`${parts[i]} ${parts[i + 1]}`) === best) {
          merged.push(parts[i] + parts[++i]);
        } else merged.push(parts[i]);
      }
      parts = merged;
    }
    return parts.map((part) => this.ids.get(part));
  }
}
