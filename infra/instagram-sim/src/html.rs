//! The look of the simulator's own pages. No scripts, and every text escaped.

/// Text as it may stand in HTML, also in an attribute in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A whole page. `title` is escaped here, `body` is HTML already.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><link rel=\"icon\" href=\"data:,\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style></head><body>\
         <p class=\"banner\">Simulated Instagram. Nothing here reaches Meta.</p><main>{body}</main></body></html>\n",
        escape(title)
    )
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#65676b;--line:#dbdbdb;--card:#fff;--ground:#fafafa;--blue:#0069d9}\
@media (prefers-color-scheme:dark){:root{--ink:#f2f2f2;--soft:#a8a8a8;--line:#363636;--card:#161616;--ground:#000;\
--blue:#4aa3ff}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}\
.banner{margin:0;padding:.5rem 1rem;text-align:center;font-size:.85rem;color:#fff;\
background:linear-gradient(90deg,#7638fa,#c32aa3,#d6453d)}\
main{max-width:30rem;margin:2rem auto;padding:1.5rem;background:var(--card);border:1px solid var(--line);\
border-radius:.75rem}\
main:has(table,.grid){max-width:72rem}\
h1{margin:0 0 .5rem;font-size:1.35rem}h2{margin:1.75rem 0 .5rem;font-size:1rem}\
p{margin:.5rem 0}small,.soft{color:var(--soft);font-size:.875rem}\
fieldset{margin:1.25rem 0 0;padding:0;border:0}legend{padding:0 0 .35rem;font-weight:600}\
label{display:flex;gap:.75rem;align-items:center;padding:.6rem .75rem;border:1px solid var(--line);margin-top:-1px;\
cursor:pointer}\
label:first-of-type{border-radius:.5rem .5rem 0 0}label:last-of-type{border-radius:0 0 .5rem .5rem}\
label:only-of-type{border-radius:.5rem}label:has(:checked){background:color-mix(in srgb,var(--blue) 10%,transparent)}\
label img{width:2.5rem;height:2.5rem;border-radius:50%}label span{flex:1}label small{display:block}\
input{width:1.1rem;height:1.1rem;accent-color:var(--blue)}\
.buttons{display:flex;gap:.75rem;margin-top:1.5rem}\
button{flex:1;padding:.7rem 1rem;border:1px solid var(--line);border-radius:.5rem;background:none;color:inherit;\
font:inherit;font-weight:600;cursor:pointer}\
button.allow{background:var(--blue);border-color:var(--blue);color:#fff}\
@media (prefers-color-scheme:dark){button.allow{color:#000}}\
:focus-visible{outline:3px solid var(--blue);outline-offset:2px}\
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:1rem}\
figure{margin:0}figure img{width:100%;aspect-ratio:1;object-fit:cover;border-radius:.5rem;display:block}\
figure:target{outline:3px solid var(--blue);outline-offset:4px}figcaption{font-size:.875rem;white-space:pre-line}\
.table{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.875rem}\
th,td{padding:.35rem .6rem .35rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}\
pre{overflow-x:auto;padding:.75rem;border:1px solid var(--line);border-radius:.5rem;font-size:.8rem}";
