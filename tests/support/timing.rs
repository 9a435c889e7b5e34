//! Whether two kinds of requests can be told apart by their answers or their times.

use super::http::Answer;

/// Status, headers and body, but for the date and the request's own id.
pub fn shown(answer: &Answer) -> String {
    let own = ["date:", "x-request-id:"];
    let lines = answer.head.lines().filter(|line| {
        let line = line.to_ascii_lowercase();
        !own.iter().any(|name| line.starts_with(name))
    });
    format!("{}\n{}", lines.collect::<Vec<_>>().join("\n"), answer.body)
}

/// P(x > y), a tie counted half; both lists are sorted.
pub fn greater(xs: &[f64], ys: &[f64]) -> f64 {
    let won = |x: &f64| {
        let (below, same) = (
            ys.partition_point(|y| y < x),
            ys.partition_point(|y| y <= x),
        );
        (below + same) as f64 / 2.0
    };
    xs.iter().map(won).sum::<f64>() / (xs.len() * ys.len()) as f64
}

/// The median of all differences, in microseconds (Hodges and Lehmann).
pub fn shift(xs: &[f64], ys: &[f64]) -> f64 {
    let step = (xs.len() * ys.len() / 1_000_000).max(1);
    let all = xs.iter().flat_map(|x| ys.iter().map(move |y| x - y));
    let mut differences: Vec<f64> = all.step_by(step).collect();
    differences.sort_by(f64::total_cmp);
    differences[differences.len() / 2]
}

/// Another order of the same.
pub fn shuffle(order: &mut [usize], random: &mut u64) {
    for end in (1..order.len()).rev() {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        order.swap(end, (*random >> 33) as usize % (end + 1));
    }
}
