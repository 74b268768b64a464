//! JSON as the original's tables spell it: ASCII with `\uXXXX` escapes, `", "` and `": "` between,
//! keys in the order of insertion, floats with the fewest digits that give them back
//! (`docs/spec/formats-mutable.md` §10.1).

use serde_json::{Map, Number, Value};
use std::fmt::Write;

/// The text of an object.
pub fn spell(map: &Map<String, Value>) -> String {
    let mut out = String::new();
    object(map, &mut out);
    out
}

fn value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(value) => number(value, out),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push('[');
            separated(items, out, self::value);
            out.push(']');
        }
        Value::Object(map) => object(map, out),
    }
}

fn object(map: &Map<String, Value>, out: &mut String) {
    out.push('{');
    separated(map, out, |(key, value), out| {
        string(key, out);
        out.push_str(": ");
        self::value(value, out);
    });
    out.push('}');
}

fn separated<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    each: impl Fn(T, &mut String),
) {
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        each(item, out);
    }
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

fn number(number: &Number, out: &mut String) {
    match number.as_f64() {
        Some(float) if number.is_f64() => out.push_str(&self::float(float)),
        _ => out.push_str(&number.to_string()),
    }
}

/// The shortest digits, with an exponent below 1e-4 and from 1e16 on.
fn float(float: f64) -> String {
    let plain = format!("{float:?}");
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return plain };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        // Shortest digits, but never by an exponent: from 1e16 on only `Debug` has one.
        return if plain.contains('e') { decimal(float) } else { plain };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn decimal(float: f64) -> String {
    let text = format!("{float}");
    if text.contains('.') { text } else { format!("{text}.0") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spells_as_the_original() {
        let cases = [
            (json!({}), "{}"),
            (
                json!({"b": [1, -2.5, "x", null, true], "a": {}}),
                r#"{"b": [1, -2.5, "x", null, true], "a": {}}"#,
            ),
            (
                json!({"u": "\u{2603}\u{1F600}\u{7f}\u{1}\"\\\n/"}),
                r#"{"u": "\u2603\ud83d\ude00\u007f\u0001\"\\\n/"}"#,
            ),
            (json!({"n": 1700000000.25}), r#"{"n": 1700000000.25}"#),
            (
                json!({"n": [1e15, 1e16, 1.5e300, 1e-4, 0.00001, 1.5e-7]}),
                r#"{"n": [1000000000000000.0, 1e+16, 1.5e+300, 0.0001, 1e-05, 1.5e-07]}"#,
            ),
            (
                json!({"n": [0.0, -0.0, 123456789012345680.0, u64::MAX, i64::MIN]}),
                r#"{"n": [0.0, -0.0, 1.2345678901234568e+17, 18446744073709551615, -9223372036854775808]}"#,
            ),
        ];
        for (value, text) in cases {
            assert_eq!(spell(value.as_object().unwrap()), text);
        }
    }
}
