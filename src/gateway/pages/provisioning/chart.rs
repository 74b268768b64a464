//! How often a file is away, by how many of its shares are needed.

use super::super::plan::Plan;
use super::super::words;
use super::tables::chance;

/// A bar for each number of needed shares, drawn by the template.
pub struct Chart {
    pub n: u32,
    pub words: String,
    pub factor: String,
    pub grid: Vec<Rule>,
    pub bars: Vec<Bar>,
}

/// A line across, and what it stands for.
pub struct Rule {
    pub y: i32,
    pub label: String,
}

pub struct Bar {
    pub k: u32,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub middle: String,
    pub chosen: bool,
    pub labelled: bool,
    pub words: String,
}

const LEFT: f64 = 80.0;
const RIGHT: f64 = 624.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 256.0;
/// Lines below the first.
const RULES: i32 = 4;

/// A bar for each number of needed shares, on a logarithmic scale.
pub fn chart(plan: &Plan) -> Chart {
    let all = plan.by_needed();
    let step = (RIGHT - LEFT) / all.len().max(1) as f64;
    let chosen = all.get(plan.k.saturating_sub(1) as usize).copied().unwrap_or(1.0);
    // Decades from one line to the next, so that the chosen bar stands well above the foot.
    let between = match -chosen.max(1e-30).log10() {
        depth if depth < 6.0 => 2,
        depth if depth < 10.0 => 3,
        depth if depth < 16.0 => 5,
        _ => 8,
    };
    let decades = f64::from(between * RULES);
    let decade = (BOTTOM - TOP) / decades;
    let every = all.len().div_ceil(12).max(1) as u32;
    let bar = |(index, away): (usize, &f64)| {
        let k = index as u32 + 1;
        let depth = if *away > 0.0 { (-away.log10()).clamp(0.0, decades) } else { decades };
        let y = (TOP + depth * decade).min(BOTTOM - 2.0);
        let x = LEFT + index as f64 * step;
        Bar {
            k,
            x: format!("{:.1}", x + step * 0.12),
            y: format!("{y:.1}"),
            width: format!("{:.1}", step * 0.76),
            height: format!("{:.1}", BOTTOM - y),
            middle: format!("{:.1}", x + step / 2.0),
            chosen: k == plan.k,
            labelled: k == plan.k
                || (k == 1 || k.is_multiple_of(every)) && k.abs_diff(plan.k) * 2 >= every,
            words: format!("{k} of {}: {}", plan.n, chance(*away)),
        }
    };
    let rule = |exponent: i32| Rule {
        y: (TOP + f64::from(exponent) * decade) as i32,
        label: if exponent == 0 { "always".to_owned() } else { power(exponent) },
    };
    Chart {
        n: plan.n,
        words: format!("With {} of {} shares needed: {}.", plan.k, plan.n, chance(chosen)),
        factor: words::grouped(10u64.pow(between.unsigned_abs())),
        grid: (0..=RULES).map(|line| rule(line * between)).collect(),
        bars: all.iter().enumerate().map(bar).collect(),
    }
}

/// `10⁻¹²`.
fn power(exponent: i32) -> String {
    const DIGITS: [&str; 10] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];
    let digit = |digit: char| digit.to_digit(10).and_then(|digit| DIGITS.get(digit as usize));
    let raised: String = exponent.to_string().chars().filter_map(digit).copied().collect();
    format!("10⁻{raised}")
}
