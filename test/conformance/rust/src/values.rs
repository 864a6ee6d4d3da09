//! Handles JSON: replaces variables, follows paths, and compares an answer with its expectation.
use serde_json::{Map, Value};

/// Replaces `${name}` in all strings. A string that consists of one reference becomes the value
/// itself.
pub fn fill(value: &Value, vars: &Map<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => fill_text(text, vars)?,
        Value::Array(list) => list.iter().map(|each| fill(each, vars)).collect::<Result<_, _>>()?,
        Value::Object(fields) => fields
            .iter()
            .map(|(key, each)| Ok((key.clone(), fill(each, vars)?)))
            .collect::<Result<Map<_, _>, String>>()?
            .into(),
        other => other.clone(),
    })
}

fn fill_text(text: &str, vars: &Map<String, Value>) -> Result<Value, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').ok_or("a ${ without }")?;
        let found = vars.get(name).ok_or(format!("nothing was saved as {name}"))?;
        if before.is_empty() && tail.is_empty() && filled.is_empty() {
            return Ok(found.clone());
        }
        filled += before;
        filled += &to_text(found);
        rest = tail;
    }
    Ok(Value::String(filled + rest))
}

/// Returns the string, or the JSON of another value.
pub fn to_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub fn number(value: &Value, absent: f64) -> f64 {
    to_text(value).parse().unwrap_or(absent)
}

/// Returns the value at a path such as `snapshots.0.config.id`.
pub fn at(value: &Value, path: &str) -> Value {
    let pointer = format!("/{}", path.replace('.', "/"));
    value.pointer(&pointer).cloned().unwrap_or(Value::String(String::new()))
}

/// Returns the first difference, if any. An answer may have more fields than expected.
pub fn fits(wanted: &Value, found: &Value, path: &str) -> Result<(), String> {
    let problem = Err(format!("{path}: expected {wanted}"));
    let fine = |good: bool| if good { Ok(()) } else { problem.clone() };
    match (wanted, found) {
        (Value::Null, _) => fine(found.is_null()),
        (Value::String(_), Value::Null) => problem,
        (Value::String(text), _) => fine(fits_text(text, &to_text(found))),
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            let pairs = wanted.iter().zip(found).enumerate();
            pairs.map(|(index, (want, one))| fits(want, one, &format!("{path}.{index}"))).collect()
        }
        (Value::Object(fields), Value::Array(found)) => match fields.get("$some") {
            Some(Value::Array(some)) => fine(
                some.iter().all(|want| found.iter().any(|one| fits(want, one, "").is_ok())),
            ),
            _ => problem,
        },
        (Value::Object(fields), Value::Object(_)) => fields
            .iter()
            .map(|(key, want)| fits(want, &found[key], &format!("{path}.{key}")))
            .collect(),
        (Value::Number(_), Value::Number(_)) => fine(wanted.as_f64() == found.as_f64()),
        _ => fine(wanted == found),
    }
}

/// Matches a text. `*` matches any value that is not empty, and `~text` matches a part. A number is
/// compared as text.
fn fits_text(wanted: &str, found: &str) -> bool {
    match wanted.strip_prefix('~') {
        _ if wanted == "*" => !matches!(found, "" | "{}" | "[]"),
        Some(part) => found.contains(part),
        None => wanted == found,
    }
}
