//! One page for the firewall team or an archive: nothing is loaded from anywhere, and no script
//! runs in it.

use crate::matrix::model::Expect;
use crate::observation::{Segment, Sweep};
use crate::report::section::directories;
use crate::report::section::published;
use crate::report::style::Style;
use crate::report::words::{facts, steps, to_text};
use crate::result::{Counts, HopResult, ResultFile};
use crate::verdict::Verdict;
use askama::Template;

/// Equal parts of a range that are drawn.
const PARTS: usize = 256;
/// Columns of what is drawn as for a terminal.
const WIDTH: u16 = 140;
/// The same for cloud services, which have a name in several columns.
const CLOUD_WIDTH: u16 = 150;
/// Runs of ports named below a strip.
const MOST_RUNS: usize = 200;

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ file.site }}: {{ counts }}</title>
<style>
:root { color-scheme: light; --line: #d5dae1; --soft: #5b6675; }
body { font: 15px/1.45 system-ui, "Segoe UI", sans-serif; color: #1b2430; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; } h3 { font-size: 1rem; margin: 0; }
p { margin: .2rem 0; } .soft { color: var(--soft); } .counts { font-size: 1.1rem; margin-top: .8rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; } td.steps { color: var(--soft); font-size: .85em; }
.verdict { display: inline-block; min-width: 5.5em; padding: 0 .5em; border-radius: .25em; text-align: center; color: #fff; font-size: .85em; }
.pass { background: #1a7f37; } .warn { background: #9a6700; } .fail { background: #c6282b; } .inconclusive { background: #6e4fb0; } .skipped { background: #6a7380; }
section { border-left: 4px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1.1rem 0; break-inside: avoid; }
dl { display: grid; grid-template-columns: 6rem 1fr; gap: .15rem .8rem; margin: .4rem 0 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: .88em ui-monospace, Consolas, monospace; } svg { display: block; width: 100%; height: 1.5rem; }
.ends { display: flex; justify-content: space-between; font-size: .85em; color: var(--soft); } .key { margin-right: 1em; } .key i { display: inline-block; width: .9em; height: .9em; margin-right: .35em; vertical-align: -.1em; }
.c-proved { fill: #1a7f37; background: #1a7f37; } .c-open { fill: #2f6fd0; background: #2f6fd0; } .c-dropped { fill: #c6282b; background: #c6282b; }
.c-shut { fill: #e07b39; background: #e07b39; } .c-several { fill: #e3b341; background: #e3b341; } .c-untried { fill: #c9d1d9; background: #c9d1d9; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } .verdict, svg, .key i { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
</style>
</head>
<body>
<h1>{{ file.site }}</h1>
<p class="soft">seen from {{ file.from.host }}{% if !file.from.roles.is_empty() %} ({{ file.from.roles.join(", ") }}){% endif %}, {{ file.started.strftime("%Y-%m-%d %H:%M:%S UTC") }} to {{ file.finished.strftime("%H:%M:%S UTC") }}, portmatrix {{ file.version }}{% if let Some(key) = file.key_fingerprint %}, site key {{ key }}{% endif %}</p>
{%- if !file.from.elsewhere.is_empty() %}
<p><strong>Tested from elsewhere:</strong> this machine is not {{ file.from.elsewhere.join(", ") }}. Another way was tested than the one that was planned.</p>
{%- endif %}
<p class="counts">{{ counts }}{% if !file.untested.is_empty() %}; {{ file.untested.len() }} not tested{% endif %}</p>
<div class="scroll"><table>
<thead><tr><th>Verdict</th><th>From</th><th>To</th><th>Protocol</th><th>Expect</th><th>Reason</th><th>Answered by</th><th>Steps</th><th>ms</th></tr></thead>
<tbody>
{%- for hop in hops %}
<tr><td><span class="verdict {{ hop.verdict }}">{{ hop.verdict }}</span></td><td>{{ hop.from }}</td><td>{{ hop.to }}</td><td>{{ hop.protocol }}</td><td>{% if hop.deny %}<strong>deny</strong>{% else %}allow{% endif %}</td><td>{% if let Some(number) = hop.section %}<a href="#hop-{{ number }}">{{ hop.reason }}</a>{% else %}{{ hop.reason }}{% endif %}</td><td>{{ hop.answered_by }}</td><td class="steps">{{ hop.steps }}</td><td class="number">{{ hop.ms }}</td></tr>
{%- endfor %}
</tbody></table></div>
{%- if !directories.is_empty() %}
<h2>Directories</h2>
<pre class="scroll">{{ directories }}</pre>
{%- endif %}
{%- if !cloud.is_empty() %}
<h2>Cloud services</h2>
<pre class="scroll">{{ cloud }}</pre>
{%- endif %}
{%- if !ranges.is_empty() %}
<h2>Dynamic ranges</h2>
<p class="soft"><span class="key"><i class="c-proved"></i>proved</span><span class="key"><i class="c-open"></i>open without a proof</span><span class="key"><i class="c-dropped"></i>dropped</span><span class="key"><i class="c-shut"></i>shut otherwise</span><span class="key"><i class="c-several"></i>several of these</span><span class="key"><i class="c-untried"></i>not tried</span></p>
{%- for range in ranges %}
<section>
<h3>{{ range.title }}</h3>
<svg viewBox="0 0 256 10" preserveAspectRatio="none" role="img" aria-label="{{ range.words }}">{% for part in range.parts %}<rect x="{{ part.at }}" y="0" width="{{ part.width }}" height="10" class="c-{{ part.class }}"/>{% endfor %}</svg>
<div class="ends"><span>{{ range.first }}</span><span>{{ range.last }}</span></div>
<p>{{ range.words }}</p>
</section>
{%- endfor %}
{%- endif %}
{%- if !remarks.is_empty() %}
<h2>Failures and open questions</h2>
{%- for hop in remarks %}
<section id="hop-{{ hop.number }}">
<h3><span class="verdict {{ hop.verdict }}">{{ hop.verdict }}</span> {{ hop.title }}</h3>
<p class="soft"><code>{{ hop.hop }}</code></p>
<dl>
{%- for (label, words) in hop.facts %}<dt>{{ label }}</dt><dd>{{ words }}</dd>{% endfor %}
</dl>
</section>
{%- endfor %}
{%- endif %}
{%- if !file.untested.is_empty() %}
<h2>Not tested, although this site asks for it</h2>
<ul>
{%- for flow in file.untested %}
<li>{{ flow.flow }} ({{ flow.from }} → {{ flow.to }}): {{ flow.why }}</li>
{%- endfor %}
</ul>
{%- endif %}
</body>
</html>
"##
)]
struct Page<'f> {
    file: &'f ResultFile,
    counts: Counts,
    hops: Vec<Row>,
    /// As for a terminal.
    directories: String,
    cloud: String,
    ranges: Vec<Range>,
    remarks: Vec<Section>,
}

/// A line of the table.
struct Row {
    verdict: &'static str,
    from: String,
    to: String,
    protocol: String,
    deny: bool,
    reason: &'static str,
    answered_by: &'static str,
    steps: String,
    ms: String,
    /// Its section, where it has one.
    section: Option<usize>,
}

/// A dynamic range, drawn and told.
struct Range {
    title: String,
    first: u16,
    last: u16,
    parts: Vec<Part>,
    words: String,
}

/// Parts of a strip that look alike.
struct Part {
    at: usize,
    width: usize,
    class: &'static str,
}

/// What is to be known of one hop.
struct Section {
    number: usize,
    verdict: &'static str,
    title: String,
    hop: String,
    facts: Vec<(&'static str, String)>,
}

/// The page.
pub fn render(file: &ResultFile) -> String {
    let remarks: Vec<Section> =
        file.hops.iter().filter(|h| h.verdict != Verdict::Pass).enumerate().map(section).collect();
    let mut next = 0;
    let hops = file.hops.iter().map(|hop| row(hop, &mut next)).collect();
    let ranges = file.hops.iter().filter_map(|hop| range(hop, hop.sweep.as_ref()?)).collect();
    let directories =
        directories::table(file, Style { width: WIDTH, color: false }).trim().to_owned();
    let cloud =
        published::table(file, Style { width: CLOUD_WIDTH, color: false }).trim().to_owned();
    Page { file, directories, cloud, counts: Counts::of(&file.hops), hops, ranges, remarks }
        .render()
        .unwrap_or_default()
}

fn row(hop: &HopResult, next: &mut usize) -> Row {
    let section = (hop.verdict != Verdict::Pass).then(|| {
        *next += 1;
        *next
    });
    Row {
        verdict: hop.verdict.name(),
        from: hop.from_text(),
        to: to_text(hop, &hop.to.host),
        protocol: [hop.protocol.text(), hop.path.as_deref().unwrap_or_default()].join(" "),
        deny: hop.expect == Expect::Deny,
        reason: hop.reason.code(),
        answered_by: hop.answered_by.shown(),
        steps: steps(hop),
        ms: format!("{:.1}", hop.ms),
        section,
    }
}

fn section((place, hop): (usize, &HopResult)) -> Section {
    Section {
        number: place + 1,
        verdict: hop.verdict.name(),
        title: format!(
            "{} → {}, {} {}",
            hop.from_text(),
            to_text(hop, &hop.to.host),
            hop.protocol,
            hop.path.as_deref().unwrap_or_default()
        ),
        hop: hop.hop.clone(),
        facts: facts(hop),
    }
}

fn range(hop: &HopResult, sweep: &Sweep) -> Option<Range> {
    let (first, last) = (sweep.segments.first()?.first, sweep.segments.last()?.last);
    let ports: usize = sweep.segments.iter().map(Segment::len).sum();
    Some(Range {
        title: format!(
            "{} → {}: {} of {ports} ports tried in {:.2} s",
            hop.from_text(),
            to_text(hop, &hop.to.host),
            sweep.tried,
            sweep.ms / 1000.0
        ),
        first,
        last,
        parts: parts(&sweep.strip(PARTS)),
        words: sweep.words(MOST_RUNS),
    })
}

/// Runs of marks that are alike.
fn parts(strip: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let count = strip.chars().count().max(1);
    for (at, mark) in strip.chars().enumerate() {
        let class = match mark {
            '#' => "proved",
            'o' => "open",
            '.' => "dropped",
            'x' => "shut",
            '/' => "several",
            _ => "untried",
        };
        // A strip of fewer marks is as wide as the others.
        let end = (at + 1) * PARTS / count;
        match parts.last_mut() {
            Some(part) if part.class == class => part.width = end - part.at,
            _ => {
                parts.push(Part { at: at * PARTS / count, width: end - at * PARTS / count, class })
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file() -> ResultFile {
        let hop = |verdict: &str, reason: &str, host: &str| {
            json!({
                "hop": format!("m/f/ws/{host}:135"), "flow": "m/f", "source": "row 1", "from": { "role": "ws", "host": "ws" },
                "to": { "role": "dc", "host": host, "port": 135 }, "protocol": "rpc", "expect": "allow", "required": true, "verdict": verdict,
                "reason": reason, "answered_by": "stand-in", "ms": 1.0, "evidence": [], "steps": [], "started": "2026-01-01T00:00:00Z",
                "notes": ["<img src=x onerror=alert(1)>"],
                "sweep": { "mode": "exact", "tried": 16384, "lost": 0, "ms": 640.0, "segments": [
                    { "first": 49152, "last": 57343, "state": "proved" },
                    { "first": 57344, "last": 65535, "state": "shut", "reason": "timed-out" }] } })
        };
        serde_json::from_value(json!({
            "schema": "portmatrix/result/2", "version": "0.0.0", "site": "<b>site</b>", "from": { "host": "ws", "roles": ["ws"] },
            "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:05Z",
            "hops": [hop("pass", "proved", "dc1"), hop("fail", "range-partly-blocked", "dc2"), hop("warn", "retried", "\"><script>")] }))
        .expect("a result file")
    }

    #[test]
    fn a_page_has_every_hop_its_strip_and_what_is_to_be_looked_at() {
        let page = render(&file());
        for words in [
            "3 hops: 1 pass, 1 warn, 1 fail (listener identity confirmed on 3)",
            "<rect x=\"0\" y=\"0\" width=\"128\" height=\"10\" class=\"c-proved\"/><rect x=\"128\" \
                y=\"0\" width=\"128\" height=\"10\" class=\"c-dropped\"/>",
            "proved 49152-57343; dropped 57344-65535",
            "<a href=\"#hop-1\">range-partly-blocked</a>",
            "<section id=\"hop-2\">",
            "2026-01-01 00:00:00 UTC to 00:00:05 UTC",
        ] {
            assert!(page.contains(words), "{words} is not in\n{page}");
        }
    }

    #[test]
    fn nothing_from_the_network_becomes_markup() {
        let page = render(&file());
        for tag in ["<b>", "<img", "<script"] {
            assert!(!page.contains(tag), "{tag} in\n{page}");
        }
        assert!(page.contains("&#60;script&#62;") && page.contains("&#60;img src=x"), "{page}");
    }

    #[test]
    fn a_small_range_fills_its_strip() {
        let drawn: Vec<_> = parts("#.x").iter().map(|p| (p.at, p.width, p.class)).collect();
        assert_eq!(drawn, [(0, 85, "proved"), (85, 85, "dropped"), (170, 86, "shut")]);
        assert!(parts("").is_empty());
    }
}
