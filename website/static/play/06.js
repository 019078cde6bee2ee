// Advantages of a group of stories: less the mean, divided by the standard deviation or not, or less the mean of the others.
"use strict";

const KINDS = ["GRPO, divided by the deviation", "Dr. GRPO, not divided", "RLOO, less the others' mean"];

function advantages(rewards, kind) {
  const size = rewards.length;
  const sum = rewards.reduce((a, b) => a + b, 0);
  if (kind === 2) return rewards.map((reward) => reward - (sum - reward) / (size - 1));
  const centered = rewards.map((reward) => reward - sum / size);
  const deviation = Math.sqrt(centered.reduce((total, one) => total + one * one, 0) / (size - 1));
  return kind === 0 ? centered.map((one) => one / (deviation + 1e-4)) : centered;
}

(() => {
  const place = document.getElementById("play-groups");
  if (!place) return;
  const rewards = [1, 0, 0, 1, 0, 0.5, 0, 0];
  let kind = 0;
  const sliders = element("div", { class: "controls" });
  const chart = element("div", { class: "chart signed" });
  const said = element("p", { "aria-live": "polite" });
  const minus = (value) => value.toFixed(2).replace("-", "−");

  function show() {
    const found = advantages(rewards, kind);
    chart.replaceChildren(...found.map((one, story) => {
      const row = barRow(`story ${story + 1}`, Math.min(1, Math.abs(one) / 2.5), minus(one), one > 0 ? "chosen" : "down");
      row.querySelector(".track").classList.add(one > 0 ? "up" : "below");
      return row;
    }));
    const alike = found.every((one) => Math.abs(one) < 1e-9);
    const mean = rewards.reduce((a, b) => a + b, 0) / rewards.length;
    said.textContent = `The mean reward is ${mean.toFixed(2)}. ` + (alike ? "All earned the same: the group teaches nothing." :
      `${found.filter((one) => one > 0).length} stories are pushed up, ${found.filter((one) => one < 0).length} down.`);
  }
  const draw = () => sliders.replaceChildren(choice("advantage", KINDS, (asked) => { kind = asked; show(); }), ...rewards.map((value, story) =>
    slider(`reward of story ${story + 1}`, { min: 0, max: 1, step: 0.1, value, say: (shown) => shown.toFixed(1) }, (moved) => { rewards[story] = moved; show(); })));
  const set = (good) => {
    rewards.forEach((_, story) => { rewards[story] = Number(story < good); });
    const select = kind;
    draw();
    sliders.querySelector("select").selectedIndex = select;
    show();
  };
  draw();
  place.append(element("div", { class: "buttons" }, button("One good", () => set(1)), button("Four good", () => set(4)), button("All good", () => set(8))),
    said, chart, sliders);
  show();
})();
