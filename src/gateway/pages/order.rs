//! The order of names: digits by their value, letters whatever their case. The script of a directory
//! has the same, so that nothing jumps when it sorts.

use std::cmp::Ordering;

/// `file2` before `file10`, `b` after `A`.
pub fn natural(one: &str, other: &str) -> Ordering {
    let (a, b) = (one.to_lowercase(), other.to_lowercase());
    let (mut a, mut b) = (a.as_str(), b.as_str());
    loop {
        match (next(&mut a), next(&mut b)) {
            (None, None) => return one.cmp(other),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => match compare(x, y) {
                Ordering::Equal => {}
                different => return different,
            },
        }
    }
}

fn compare(x: &str, y: &str) -> Ordering {
    let digits = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if !digits(x) || !digits(y) {
        return x.cmp(y);
    }
    let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
    x.len().cmp(&y.len()).then_with(|| x.cmp(y))
}

/// Takes the digits, or all that is none, from the beginning of a text.
fn next<'a>(text: &mut &'a str) -> Option<&'a str> {
    let digits = text.chars().next()?.is_ascii_digit();
    let length = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    let (part, rest) = text.split_at_checked(length)?;
    *text = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_count_by_their_value() {
        let mut names =
            ["b", "file10", "File9", "a", "file 2", "file09x", "", "10", "9", "ä", "file9", "B"];
        names.sort_by(|a, b| natural(a, b));
        let wanted =
            ["", "9", "10", "a", "B", "b", "File9", "file9", "file09x", "file10", "file 2", "ä"];
        assert_eq!(names, wanted);
        let large = ["9".repeat(30), "1".to_owned() + &"0".repeat(30)];
        assert_eq!(natural(&large[0], &large[1]), Ordering::Less);
    }
}
