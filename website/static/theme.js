// What scrolls by itself can be scrolled by keys, too.
function scrollByKeys() {
  for (const part of document.querySelectorAll("article pre, article div, article table")) {
    const { overflowX, overflowY } = getComputedStyle(part);
    const across = /auto|scroll/.test(overflowX) && part.scrollWidth > part.clientWidth;
    if (across || (/auto|scroll/.test(overflowY) && part.scrollHeight > part.clientHeight)) part.tabIndex = 0;
  }
}

// The lessons' cards know JupyterLab's dark theme by an attribute; it is set here as the site's own theme says.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tell = () => {
    const chosen = document.body.dataset.theme;
    const isDark = chosen === "dark" || (chosen !== "light" && dark.matches);
    document.documentElement.dataset.jpThemeLight = String(!isDark);
  };
  document.addEventListener("DOMContentLoaded", () => {
    tell();
    dark.addEventListener("change", tell);
    new MutationObserver(tell).observe(document.body, { attributes: true, attributeFilter: ["data-theme"] });
    scrollByKeys();
    document.addEventListener("toggle", scrollByKeys, true); // what was folded has no size before
  });
})();
