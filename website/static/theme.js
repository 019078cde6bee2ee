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
    // What scrolls sideways can be scrolled by keys.
    for (const wide of document.querySelectorAll("div.highlight > pre, .output.text_html, .table-wrapper")) {
      if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    }
  });
})();
