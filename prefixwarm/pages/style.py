"""The style of all pages: light and dark, from 320 pixels on."""

from __future__ import annotations

# Below this width drawings are those for phones, and tables are lists.
_PHONE = "820px"

# Colours go by what they stand for, and no two things differ in colour alone.
STYLE = f"""
:root {{ color-scheme: light dark; --ink: #1d2430; --soft: #5b6676; --line: #d9dee7;
  --paper: #fff; --raised: #f4f6f9; --life: #9cc9f5; --blue: #1565c0; --red: #c62828;
  --amber: #b26a00; --green: #2e7d32; --wait: #f3b4b0; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6e9ef; --soft: #a3adbc; --line: #333b49;
  --paper: #14181f; --raised: #1d232d; --life: #24527f; --blue: #7ab8ff; --red: #ff8a80;
  --amber: #ffcc80; --green: #9ccc9f; --wait: #7a3230; }} }}
* {{ box-sizing: border-box; }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1180px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; }} h2 {{ font-size: 1.15rem; margin-top: 2.2rem; }}
.advice {{ font-size: 1.1rem; border-left: 4px solid var(--blue); padding-left: .8rem; }}
.soft {{ color: var(--soft); }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem .8rem .35rem 0; text-align: right; }}
th {{ font-weight: 500; color: var(--soft); vertical-align: bottom; }}
th:first-child, td:first-child {{ text-align: left; }}
tr {{ border-bottom: 1px solid var(--line); }}
tr.best {{ font-weight: 600; }} tr.best td:first-child::after {{ content: " ✓"; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; }}
dt {{ font-weight: 600; }} dd {{ margin: 0; }}
.legend {{ list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; }}
.legend svg {{ width: 26px; height: 16px; vertical-align: -2px; margin-right: .4rem; }}
.drawing {{ width: 100%; height: auto; display: block; font-size: 13px; }}
.for-phone {{ display: none; max-width: 600px; font-size: 12px; }}
svg text {{ fill: var(--ink); }} .middle {{ text-anchor: middle; }} .end {{ text-anchor: end; }}
svg text.soft {{ fill: var(--soft); }} path {{ fill: none; stroke: var(--line); }}
@media (max-width: {_PHONE}) {{
  body {{ margin: 1rem auto; }}
  .for-desk {{ display: none; }} .for-phone {{ display: block; }}
  thead {{ display: none; }} table, tbody, tr, td {{ display: block; }}
  tr {{ padding: .6rem 0; }} td {{ display: flex; gap: 1rem; padding: .1rem 0;
    justify-content: space-between; }}
  td::before {{ content: attr(data-name); color: var(--soft); text-align: left; font-weight: 400; }}
  td:first-child {{ font-weight: 600; justify-content: start; gap: 0; }}
  td:first-child::before {{ content: none; }}
  dl {{ display: block; }} dd {{ margin: 0 0 .6rem; }}
}}
"""
