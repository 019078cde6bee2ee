"""The look of a card: small and calm, on light pages and dark ones.

Colours are translucent or the page's own. Where a viewer drops the style, the card stays readable as text. `.sty.sty`
counts twice, so that it wins over JupyterLab's own style of `pre`.
"""

STYLE = """<style>
.sty{--sty-ok:#2e9e63;--sty-no:#d9822b;--sty-line:rgba(128,128,128,.25);--sty-soft:rgba(128,128,128,.09);
 font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,inherit);
 max-width:720px;border:1px solid var(--sty-line);border-radius:8px;padding:10px 14px;margin:4px 0;
 box-sizing:border-box}
.sty code,.sty pre,.sty-name{font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);
 font-size:12px}
.sty code{background:var(--sty-soft);color:inherit;border-radius:3px;padding:0 3px}
.sty.sty pre{background:var(--sty-soft);color:inherit;border:0;border-radius:5px;padding:6px 9px;margin:5px 0;
 white-space:pre-wrap;overflow-wrap:anywhere;max-height:220px;overflow:auto}
.sty-head{display:flex;align-items:center;gap:12px;margin-bottom:6px}
.sty-name{font-weight:600;font-size:13px}
.sty-bar{flex:1;height:5px;border-radius:3px;background:var(--sty-soft);overflow:hidden}
.sty-bar i{display:block;height:100%;background:var(--sty-no)}.sty-bar i.sty-full{background:var(--sty-ok)}
.sty-points{font-variant-numeric:tabular-nums;white-space:nowrap;opacity:.75}
.sty-case{padding:3px 0;border-top:1px solid var(--sty-line)}
.sty-line{display:grid;grid-template-columns:18px 1fr auto;gap:4px;align-items:baseline}
.sty-mark{font-weight:700}.sty-ok .sty-mark,.sty-mark.sty-ok{color:var(--sty-ok)}
.sty-no .sty-mark,.sty-mark.sty-no{color:var(--sty-no)}
.sty-more{margin:2px 0 6px 22px}.sty-say{margin:3px 0;white-space:pre-wrap;overflow-wrap:anywhere}
.sty-why{border-left:3px solid var(--sty-no);padding:3px 10px;margin:4px 0;background:rgba(217,130,43,.08);
 border-radius:0 5px 5px 0}
.sty details{margin:3px 0}.sty summary{cursor:pointer;opacity:.7;font-size:12px}
.sty-foot{border-top:1px solid var(--sty-line);padding-top:6px;margin-top:5px;opacity:.8;font-size:12px}
.sty-note{font-size:11px;opacity:.65;margin:1px 0}
.sty-maps{display:flex;gap:18px;flex-wrap:wrap;margin:5px 0}.sty svg{display:block;max-width:none}
.sty-rows{margin:5px 0;overflow-x:auto;background:var(--sty-soft);border-radius:5px;padding:5px 9px}
.sty-rows div{display:flex;white-space:pre;line-height:1.55}
.sty-rows b{flex:none;width:54px;font-weight:400;opacity:.65;font-size:11px;align-self:center}
.sty-rows code{background:none;padding:0;white-space:pre}
.sty-diff{background:rgba(217,130,43,.32);border-radius:2px}
.sty-items .sty-same,.sty-items .sty-diff{display:inline-block;padding:0 5px;margin:1px 2px 1px 0;border-radius:3px}
.sty-items .sty-same{background:var(--sty-soft)}.sty-skip{opacity:.5;padding-right:3px}
.sty-pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:10px}
.sty:has(.sty-pair){max-width:none}
.sty.sty .sty-pair pre{max-height:420px;white-space:pre;word-break:normal;overflow-wrap:normal;margin:2px 0}
.sty-grid{display:grid;grid-template-columns:auto 1fr auto auto;gap:1px 14px;align-items:baseline}
.sty-grid .sty-points{text-align:right}.sty-quiet{opacity:.6}
</style>"""
