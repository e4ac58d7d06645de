//! An answer of Prometheus, as text, to the series in it. Numbers stay the text that they are.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::facts::count::{Series, Unknown};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Vector>),
    Scalar((IgnoredAny, String)),
    Matrix(IgnoredAny),
    String(IgnoredAny),
}

#[derive(Deserialize)]
struct Vector {
    metric: Metric,
    /// Absent in a native histogram.
    value: Option<(IgnoredAny, String)>,
}

#[derive(Deserialize)]
struct Metric {
    namespace: Option<String>,
}

/// Why a query was refused, as Prometheus says it.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// The series of an instant query's answer.
pub fn series(text: &str) -> Result<Vec<Series>, Unknown> {
    let unreadable = |what: &str| Unknown::Unreadable(what.to_owned());
    let body: Body = serde_json::from_str(text).map_err(|_| unreadable("it is not what Prometheus answers"))?;
    let one = |vector: Vector| {
        let (_, value) = vector.value.ok_or_else(|| unreadable("it is a histogram, and a number is expected"))?;
        Ok(Series { namespace: vector.metric.namespace, value })
    };
    match body.data {
        Some(Data::Vector(all)) => all.into_iter().map(one).collect(),
        Some(Data::Scalar((_, value))) => Ok(vec![Series { namespace: None, value }]),
        Some(Data::Matrix(_)) => Err(unreadable("it is a range of samples: put a function such as increase around it")),
        Some(Data::String(_)) => Err(unreadable("it is a text, and numbers are expected")),
        None => Err(unreadable("it has no data")),
    }
}

/// What Prometheus says of a query that it refuses; short, as it becomes a gap's reason.
pub fn refusal(text: &str) -> String {
    let said = serde_json::from_str::<Refusal>(text).map(|refusal| refusal.error);
    let said = said.unwrap_or_else(|_| text.trim().to_owned());
    said.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &str) -> Result<Vec<(Option<String>, String)>, String> {
        let body = format!(r#"{{"status":"success","data":{data},"warnings":["x"]}}"#);
        let read = series(&body).map_err(|unknown| unknown.to_string())?;
        Ok(read.into_iter().map(|one| (one.namespace, one.value)).collect())
    }

    #[test]
    fn vectors_and_scalars_are_read() {
        let vector = r#"{"resultType":"vector","result":[
            {"metric":{"namespace":"a","pod":"x"},"value":[1795255380,"1.5e-07"]},
            {"metric":{},"value":[1795255380.781,"NaN"]}]}"#;
        let expected = vec![(Some("a".to_owned()), "1.5e-07".to_owned()), (None, "NaN".to_owned())];
        assert_eq!(read(vector), Ok(expected));
        assert_eq!(read(r#"{"resultType":"vector","result":[]}"#), Ok(Vec::new()));
        let scalar = r#"{"resultType":"scalar","result":[1795255380.781,"17"]}"#;
        assert_eq!(read(scalar), Ok(vec![(None, "17".to_owned())]));
    }

    #[test]
    fn what_is_no_number_is_told() {
        for (data, says) in [
            (r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"]]}]}"#, "a range of samples"),
            (r#"{"resultType":"string","result":[1,"x"]}"#, "a text"),
            (r#"{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}"#, "a histogram"),
            (r#"{"resultType":"other","result":[]}"#, "not what Prometheus answers"),
            (r#"{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}"#, "not what Prometheus answers"),
            ("null", "no data"),
        ] {
            let error = read(data).unwrap_err();
            assert!(error.contains(says), "{data}: {error}");
        }
        assert!(series("<html>").is_err());
    }

    #[test]
    fn a_refusal_is_in_prometheus_words() {
        let body =
            r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error"}"#;
        assert_eq!(refusal(body), r#"invalid parameter "query": 1:5: parse error"#);
        assert_eq!(refusal("Bad\nGateway "), "BadGateway");
        assert_eq!(refusal(&"x".repeat(5000)).len(), 200);
    }
}
