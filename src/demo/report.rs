//! One self-contained HTML page of a demonstration: a sequence diagram per walk, the refusals, the verdict.
//!
//! Everything on it is drawn from the exchanges that were observed; nothing is known in advance. The
//! page has no script and asks the network for nothing, so it can be mailed and archived.

use std::fmt::Write as _;

use super::trace::Step;
use super::{Outcome, Refusal, Walk};

/// Writes the page.
#[must_use]
pub fn html(outcome: &Outcome) -> String {
    let mut page = String::with_capacity(200_000);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str("<title>vitalgate demonstration</title>\n<style>");
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n<body>\n<main>\n");
    head(&mut page, outcome);
    for (index, walk) in outcome.walks.iter().enumerate() {
        section(&mut page, index, walk);
    }
    refusals(&mut page, &outcome.refusals);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn head(page: &mut String, outcome: &Outcome) {
    let held = outcome.held();
    let (class, verdict) = if held {
        ("held", "Everything held.")
    } else {
        ("failed", "Something did not hold.")
    };
    line(page, format_args!("<h1>vitalgate demonstration</h1>"));
    line(
        page,
        format_args!(
            "<p class=\"verdict {class}\">{verdict} {} walks, {} refusals, {} requests, {} s.</p>",
            outcome.walks.len(),
            outcome.refusals.len(),
            outcome
                .walks
                .iter()
                .map(|walk| walk.steps.len())
                .sum::<usize>(),
            seconds(outcome.elapsed),
        ),
    );
    page.push_str("<table><caption>Parties</caption><thead><tr><th>Party</th><th>Organization</th><th>Origin</th></tr></thead><tbody>\n");
    for party in &outcome.parties {
        line(
            page,
            format_args!(
                "<tr><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
                escape(&party.name),
                escape(&party.organization),
                escape(&party.origin)
            ),
        );
    }
    page.push_str("</tbody></table>\n");
    page.push_str("<table><caption>Walks</caption><thead><tr><th>Dataflow</th><th>Way</th><th>Record</th><th>Requests</th><th>Time</th><th>Result</th></tr></thead><tbody>\n");
    for (index, walk) in outcome.walks.iter().enumerate() {
        line(
            page,
            format_args!(
                "<tr><td><a href=\"#walk-{index}\">{}</a></td><td>{}</td><td>{}</td><td>{}</td><td>{} ms</td><td class=\"{}\">{}</td></tr>",
                escape(&walk.dataflow),
                escape(&walk.way),
                escape(&walk.record),
                walk.steps.len(),
                walk.elapsed.as_millis(),
                if walk.held() { "held" } else { "failed" },
                escape(&walk.verdict()),
            ),
        );
    }
    page.push_str("</tbody></table>\n");
}

fn section(page: &mut String, index: usize, walk: &Walk) {
    line(
        page,
        format_args!(
            "<section id=\"walk-{index}\">\n<h2>{}: {}</h2>\n<p>{}</p>",
            escape(&walk.dataflow),
            escape(&walk.way),
            escape(&walk.explanation)
        ),
    );
    diagram(page, index, walk);
    page.push_str("</section>\n");
}

/// A participant's lifeline stands at the middle of its column; a request and its answer take a row each.
fn diagram(page: &mut String, index: usize, walk: &Walk) {
    let participants = participants(&walk.steps);
    // A party that asks itself tells so to the right of its lifeline; the last one needs room for that.
    let width = LEFT + COLUMN * participants.len().max(1) + ROOM;
    let height = TOP + ROW * walk.steps.len() * 2 + 10;
    line(
        page,
        format_args!(
            "<div class=\"diagram\"><svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title-{index}\">\n<title id=\"title-{index}\">Sequence of {}: {}</title>",
            escape(&walk.dataflow),
            escape(&walk.way)
        ),
    );
    for (column, name) in participants.iter().enumerate() {
        let x = middle(column);
        line(
            page,
            format_args!("<line class=\"life\" x1=\"{x}\" y1=\"44\" x2=\"{x}\" y2=\"{height}\"/>"),
        );
        line(
            page,
            format_args!(
                "<rect class=\"who\" x=\"{}\" y=\"8\" width=\"120\" height=\"32\" rx=\"6\"/>",
                x - 60
            ),
        );
        line(
            page,
            format_args!(
                "<text class=\"who\" x=\"{x}\" y=\"29\">{}</text>",
                escape(name)
            ),
        );
    }
    for (row, one) in in_time(&walk.steps).iter().enumerate() {
        arrow(page, &participants, TOP + ROW * row, one);
    }
    page.push_str("</svg></div>\n");
}

/// One arrow: a request when it was sent, or an answer when it had come. What happens between the two (an
/// introspection before the data) stands between them.
struct Arrow<'a> {
    at: jiff::Timestamp,
    step: &'a Step,
    answers: bool,
}

fn in_time(steps: &[Step]) -> Vec<Arrow<'_>> {
    let mut arrows: Vec<Arrow<'_>> = Vec::with_capacity(steps.len() * 2);
    for step in steps {
        // The clock tells whole milliseconds: an answer is put one earlier, so that it stands before what it
        // led to, and never before its own request.
        let elapsed = jiff::SignedDuration::try_from(step.elapsed).unwrap_or_default();
        let waited = (elapsed - jiff::SignedDuration::from_millis(1))
            .max(jiff::SignedDuration::from_nanos(1));
        arrows.push(Arrow {
            at: step.started,
            step,
            answers: false,
        });
        arrows.push(Arrow {
            at: step.started + waited,
            step,
            answers: true,
        });
    }
    arrows.sort_by_key(|arrow| arrow.at);
    arrows
}

fn arrow(page: &mut String, participants: &[String], y: usize, arrow: &Arrow<'_>) {
    let step = arrow.step;
    let column = |name: &str| {
        participants
            .iter()
            .position(|found| found == name)
            .unwrap_or(0)
    };
    let (asker, answerer) = (middle(column(&step.from)), middle(column(&step.to)));
    let (from, to) = if arrow.answers {
        (answerer, asker)
    } else {
        (asker, answerer)
    };
    let class = if step.status.is_some_and(|status| status < 400) {
        "ok"
    } else {
        "refused"
    };
    let dashed = if arrow.answers { "answer " } else { "" };
    let (label, hover) = if arrow.answers {
        (answered(step), "")
    } else {
        (asked(step), step.sent.as_str())
    };
    if from == to {
        let right = from + 40;
        line(
            page,
            format_args!(
                "<path class=\"{dashed}{class}\" d=\"M{from} {} H{right} V{y} H{}\"/>",
                y - 12,
                from + 8
            ),
        );
        line(
            page,
            format_args!("<path class=\"tip {class}\" d=\"M{from} {y} l9 -4 v8 z\"/>"),
        );
        text(page, (right + 6, "start"), y - 2, &label, hover);
        return;
    }
    let tip = if from < to { to - 9 } else { to + 9 };
    line(
        page,
        format_args!("<path class=\"{dashed}{class}\" d=\"M{from} {y} H{tip}\"/>"),
    );
    line(
        page,
        format_args!(
            "<path class=\"tip {class}\" d=\"M{to} {y} L{tip} {} V{} z\"/>",
            y - 4,
            y + 4
        ),
    );
    text(page, ((from + to) / 2, "middle"), y - 5, &label, hover);
}

fn asked(step: &Step) -> String {
    format!(
        "{}{} {}",
        numbered(step.numbers.map(|(asked, _)| asked)),
        step.method,
        step.path
    )
}

fn answered(step: &Step) -> String {
    let status = step
        .status
        .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let number = numbered(step.numbers.map(|(_, answered)| answered));
    format!(
        "{number}{status} {} · {} ms",
        step.answer,
        step.elapsed.as_millis()
    )
}

fn text(page: &mut String, (x, anchor): (usize, &str), y: usize, label: &str, hover: &str) {
    let shown: String = label.chars().take(LABEL).collect();
    let more = if label.chars().count() > LABEL {
        "…"
    } else {
        ""
    };
    let hover = if hover.is_empty() {
        label.to_owned()
    } else {
        format!("{label}\n{hover}")
    };
    line(
        page,
        format_args!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"><title>{}</title>{}{more}</text>",
            escape(&hover),
            escape(&shown)
        ),
    );
}

fn numbered(number: Option<u8>) -> String {
    number.map_or_else(String::new, |number| format!("({number}) "))
}

fn participants(steps: &[Step]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in steps.iter().flat_map(|step| [&step.from, &step.to]) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn middle(column: usize) -> usize {
    LEFT + COLUMN * column + 10
}

fn refusals(page: &mut String, refusals: &[Refusal]) {
    page.push_str("<section id=\"refused\">\n<h2>Refused, as it must be</h2>\n");
    page.push_str("<table><thead><tr><th>Attempt</th><th>Demanded</th><th>Seen</th><th>Result</th></tr></thead><tbody>\n");
    for refusal in refusals {
        line(
            page,
            format_args!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"{}\">{}</td></tr>",
                escape(&refusal.attempt),
                escape(&refusal.demanded),
                escape(&refusal.seen),
                if refusal.held { "held" } else { "failed" },
                if refusal.held {
                    "refused"
                } else {
                    "NOT refused"
                },
            ),
        );
    }
    page.push_str("</tbody></table>\n</section>\n");
}

/// Seconds with one decimal.
#[must_use]
pub fn seconds(elapsed: std::time::Duration) -> String {
    format!("{:.1}", elapsed.as_secs_f64())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = writeln!(page, "{text}");
}

const LEFT: usize = 80;
const COLUMN: usize = 330;
const ROOM: usize = 60;
const TOP: usize = 78;
const ROW: usize = 28;
/// Characters that fit between two lifelines.
const LABEL: usize = 46;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b2530; --paper: #fff; --line: #c8d0d8; --soft: #f3f5f7; --held: #1a6b3c; --failed: #b3261e; --blue: #1d4f91; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --paper: #14191f; --line: #3b4652; --soft: #1e252d; --held: #6fcf97; --failed: #ff8a80; --blue: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 20px 80px; }
h1 { font-size: 1.9rem; margin: 0 0 8px; } h2 { font-size: 1.25rem; margin: 40px 0 4px; }
p { margin: 0 0 12px; } a { color: var(--blue); } code { font-size: .92em; }
.verdict { font-size: 1.1rem; font-weight: 600; } .held { color: var(--held); } .failed { color: var(--failed); }
table { border-collapse: collapse; width: 100%; margin: 16px 0; } caption { text-align: left; font-weight: 600; padding: 4px 0; }
td:nth-child(4), td:nth-child(5) { white-space: nowrap; } th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid var(--line); vertical-align: top; } th { background: var(--soft); }
.diagram { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--paper); }
svg { display: block; font: 12px system-ui, sans-serif; } svg text { fill: var(--ink); }
svg path { fill: none; stroke: var(--blue); stroke-width: 1.5; } svg path.answer { stroke-dasharray: 5 4; }
svg path.tip { fill: var(--blue); stroke: none; } svg path.refused { stroke: var(--failed); } svg path.tip.refused { fill: var(--failed); stroke: none; }
svg .life { stroke: var(--line); } svg rect.who { fill: var(--soft); stroke: var(--line); } svg text.who { font-weight: 600; text-anchor: middle; }
@media print { .diagram { overflow: visible; } svg { max-width: 100%; height: auto; } section { break-inside: avoid; } }
";
