//! The demonstration on the terminal: what happens, as it happens.

use std::io::IsTerminal;

use super::report::seconds;
use super::trace::Step;
use super::{Outcome, Party, Refusal, Walk};

pub(super) fn parties(parties: &[Party]) {
    println!("{}", paint("vitalgate demonstration", BOLD));
    for party in parties {
        println!(
            "  {:5} {}  {}",
            party.name.to_uppercase(),
            party.origin,
            party.organization
        );
    }
}

pub(super) fn walk(walk: &Walk) {
    println!(
        "\n{}  {}",
        paint(&walk.dataflow, BOLD),
        paint(&walk.way, BOLD)
    );
    println!("  {}", paint(&walk.explanation, DIM));
    println!("  {}", paint(&walk.record, DIM));
}

pub(super) fn step(step: &Step) {
    let numbers = step.numbers.map_or_else(
        || "   ".to_owned(),
        |(asked, answered)| format!("{asked}-{answered}"),
    );
    let status = step
        .status
        .map_or_else(|| "---".to_owned(), |status| status.to_string());
    let colour = if step.status.is_some_and(|status| status < 400) {
        GREEN
    } else {
        RED
    };
    println!(
        "  {numbers}  {:>7} → {:<5} {:<4} {}  {} {:>4} ms",
        step.from,
        step.to,
        step.method,
        cut(&step.path, 68),
        paint(&status, colour),
        step.elapsed.as_millis(),
    );
    for line in [&step.sent, &step.answer] {
        if !line.is_empty() {
            println!(
                "{}",
                paint(
                    &format!("                            {}", cut(line, 108)),
                    DIM
                )
            );
        }
    }
}

pub(super) fn verdict(walk: &Walk) {
    match &walk.failure {
        None => println!(
            "  {} {} ({} ms)",
            paint("✓", GREEN),
            walk.verdict(),
            walk.elapsed.as_millis()
        ),
        Some(failure) => println!("  {} {failure}", paint("✗", RED)),
    }
}

pub(super) fn refusals() {
    println!("\n{}", paint("Refused, as it must be", BOLD));
}

pub(super) fn refusal(refusal: &Refusal) {
    if refusal.held {
        println!(
            "  {} {:<46} {}",
            paint("✓", GREEN),
            refusal.attempt,
            refusal.seen
        );
    } else {
        println!(
            "  {} {:<46} {} (demanded: {})",
            paint("✗", RED),
            refusal.attempt,
            refusal.seen,
            refusal.demanded
        );
    }
}

pub(super) fn summary(outcome: &Outcome) {
    println!("\n{}", paint("Summary", BOLD));
    println!(
        "  {}",
        paint(
            "DATAFLOW   WAY                                        REQUESTS      TIME  RESULT",
            DIM
        )
    );
    for walk in &outcome.walks {
        let (mark, colour) = if walk.held() {
            ("✓", GREEN)
        } else {
            ("✗", RED)
        };
        println!(
            "  {:<9}  {:<41}  {:>8}  {:>5} ms  {} {}",
            walk.dataflow,
            walk.way,
            walk.steps.len(),
            walk.elapsed.as_millis(),
            paint(mark, colour),
            walk.verdict(),
        );
    }
    let refused = outcome
        .refusals
        .iter()
        .filter(|refusal| refusal.held)
        .count();
    println!(
        "  {refused} of {} attempts refused as demanded",
        outcome.refusals.len()
    );
    let (text, colour) = if outcome.held() {
        ("Everything held.", GREEN)
    } else {
        ("Something did not hold.", RED)
    };
    println!("  {} {} s", paint(text, colour), seconds(outcome.elapsed));
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return format!("{text:<most$}").trim_end().to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn paint(text: &str, code: u8) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

const BOLD: u8 = 1;
const DIM: u8 = 2;
const RED: u8 = 31;
const GREEN: u8 = 32;
