// A story as a picture: a card of text, drawn on a canvas and saved as PNG.
"use strict";

const CARD = { width: 1080, edge: 96, size: 38, line: 60, gap: 30, small: 27, smallLine: 40 }; // pixels
const SERIF = 'Georgia, "Times New Roman", serif';
const PAPERS = {
  light: { ground: "#fbf7ee", text: "#26221c", faint: "#7a6f60", accent: "#c2601c" },
  dark: { ground: "#1b1e25", text: "#ece7dc", faint: "#a39a8a", accent: "#f0a35e" },
};

// Break a paragraph into lines of at most `width` pixels, at spaces; a word that is too long by itself, within it.
function breakLines(context, paragraph, width) {
  const lines = [];
  let line = "";
  for (let word of paragraph.split(/\s+/)) {
    if (line && context.measureText(`${line} ${word}`).width <= width) {
      line += ` ${word}`;
      continue;
    }
    if (line) lines.push(line);
    while (context.measureText(word).width > width) {
      const characters = Array.from(word);
      let fit = characters.length;
      while (fit > 1 && context.measureText(characters.slice(0, fit).join("")).width > width) fit--;
      lines.push(characters.slice(0, fit).join(""));
      word = characters.slice(fit).join("");
    }
    line = word;
  }
  return line ? [...lines, line] : lines;
}

// story: { opening, text (all of it), seed }. Gives the canvas.
function drawStory(story, summary, scheme) {
  const { width, edge, size, line, gap, small, smallLine } = CARD;
  const paper = PAPERS[scheme];
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const inner = width - 2 * edge;
  context.font = `${size}px ${SERIF}`;
  const paragraphs = story.text.split(/\n+/).map((text) => breakLines(context, text, inner)).filter((lines) => lines.length);
  context.font = `${small}px ${SERIF}`;
  const foot = breakLines(context, `${summary} Seed ${story.seed}.`, inner);
  const body = paragraphs.reduce((height, lines) => height + lines.length * line + gap, 0);
  canvas.width = width; // clears what was set
  canvas.height = edge + small + 60 + body + 50 + foot.length * smallLine + edge - 20;
  context.fillStyle = paper.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = paper.accent;
  context.lineWidth = 3;
  context.strokeRect(36, 36, canvas.width - 72, canvas.height - 72);
  context.textBaseline = "top";

  context.font = `italic ${small}px ${SERIF}`;
  context.fillStyle = paper.accent;
  context.fillText("A story told by a small language model", edge, edge);
  let y = edge + small + 60;
  context.font = `${size}px ${SERIF}`;
  context.fillStyle = paper.text;
  for (const lines of paragraphs) {
    for (const text of lines) {
      context.fillText(text, edge, y);
      y += line;
    }
    y += gap;
  }
  context.fillStyle = paper.accent;
  context.fillRect(edge, y + 8, 120, 3);
  y += 50;
  context.font = `${small}px ${SERIF}`;
  context.fillStyle = paper.faint;
  for (const text of foot) {
    context.fillText(text, edge, y);
    y += smallLine;
  }
  return canvas;
}

function savePicture(canvas, name) {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }, "image/png");
}
