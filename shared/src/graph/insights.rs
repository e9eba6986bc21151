//! Figures of an account and of its media.
//!
//! Source: Meta, "Instagram User: insights" and "Instagram Media: insights". A figure that Instagram does not have is absent:
//! the list is empty, a member is missing, or the value is -1. It is never zero for that.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::endpoint::Endpoint;
use super::error::GraphError;
use super::object::Object;
use super::publishing::{digits, moment};
use super::transport::{Answered, Call, Graph};
use crate::secret::AccessToken;

/// One metric's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Insight {
    /// Meta's name of the metric.
    pub name: String,
    /// The figure of the whole time that was asked for.
    pub total: Option<u64>,
    /// Figures by time; a media's have no time.
    pub values: Vec<Point>,
    /// The figure by something.
    pub breakdowns: Vec<Breakdown>,
}

/// A figure of a series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// The figure.
    pub value: Option<u64>,
    /// Where the figure is several: by word, such as the hour of the day.
    pub parts: BTreeMap<String, u64>,
    /// When its time ends.
    pub end: Option<Timestamp>,
}

/// A figure by one dimension or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// The dimensions, such as `timeframe` and `country`.
    pub dimensions: Vec<String>,
    /// Their values and the figure.
    pub results: Vec<(Vec<String>, u64)>,
}

/// What is asked of an account.
#[derive(Clone, Debug, Default)]
pub struct InsightsQuery<'a> {
    /// Meta's names.
    pub metrics: &'a [&'a str],
    /// `day` or `lifetime`.
    pub period: &'a str,
    /// `total_value` or `time_series`; empty for metrics that know neither.
    pub metric_type: &'a str,
    /// Empty for none.
    pub breakdown: &'a str,
    /// Of demographics; empty for none.
    pub timeframe: &'a str,
    /// From when.
    pub since: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
}

impl Insight {
    /// The metric in an object; `None` without a name.
    pub fn read(object: &Object) -> Option<Self> {
        let total = object.object("total_value").unwrap_or_default();
        let values = object.objects("values").unwrap_or_default();
        let breakdowns = total.objects("breakdowns").unwrap_or_default();
        Some(Self {
            name: object.text("name")?,
            total: total.count("value"),
            values: values.iter().map(Point::read).collect(),
            breakdowns: breakdowns.iter().map(Breakdown::read).collect(),
        })
    }

    /// The one figure: the total, or the only value.
    pub fn figure(&self) -> Option<u64> {
        self.total
            .or_else(|| self.values.first().and_then(|point| point.value))
    }

    /// The figure of one value of the last dimension, such as `FOLLOWER`; the words' case does not count.
    pub fn part(&self, word: &str) -> Option<u64> {
        let results = self.breakdowns.iter().flat_map(|found| &found.results);
        let mut fitting = results.filter(|(values, _)| {
            values
                .last()
                .is_some_and(|value| value.eq_ignore_ascii_case(word))
        });
        fitting.next().map(|(_, figure)| *figure)
    }
}

impl Point {
    fn read(object: &Object) -> Self {
        let parts = object.object("value").map(|parts| {
            let figures = parts.names().filter_map(|name| {
                let figure = parts.count(name)?;
                Some((name.to_owned(), figure))
            });
            figures.collect()
        });
        Self {
            value: object.count("value"),
            parts: parts.unwrap_or_default(),
            end: object.text("end_time").and_then(|text| moment(&text)),
        }
    }
}

impl Breakdown {
    fn read(object: &Object) -> Self {
        let results = object.objects("results").unwrap_or_default();
        let results = results.iter().filter_map(|result| {
            let values = texts(result, "dimension_values");
            Some((values, result.count("value")?))
        });
        Self {
            dimensions: texts(object, "dimension_keys"),
            results: results.collect(),
        }
    }
}

/// A list of texts. A city's name holds commas, so nothing is split.
fn texts(object: &Object, name: &str) -> Vec<String> {
    let items = object.items(name).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| serde_json::from_str(item.get()).ok())
        .collect()
}

/// The metrics of an answer; `None` where it is no list.
pub(super) fn insights(object: &Object) -> Option<Vec<Insight>> {
    let found = object.objects("data")?;
    Some(found.iter().filter_map(Insight::read).collect())
}

impl Graph {
    /// `GET /{ig_user_id}/insights`.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer. One metric that it does not take refuses them all.
    pub async fn account_insights(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
        query: &InsightsQuery<'_>,
    ) -> Result<Answered<Vec<Insight>>, GraphError> {
        let ig_user_id = digits(Endpoint::AccountInsights, ig_user_id)?;
        let mut url = self.versioned(&[ig_user_id, "insights"]);
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("metric", &query.metrics.join(","));
            for (name, value) in [
                ("period", query.period),
                ("metric_type", query.metric_type),
                ("breakdown", query.breakdown),
                ("timeframe", query.timeframe),
            ] {
                if !value.is_empty() {
                    pairs.append_pair(name, value);
                }
            }
            for (name, time) in [("since", query.since), ("until", query.until)] {
                if let Some(time) = time {
                    pairs.append_pair(name, &time.as_second().to_string());
                }
            }
        }
        let call = Call::get(Endpoint::AccountInsights, url).bearer(token);
        self.send(call, |object| insights(&object)).await
    }

    /// `GET /{media}/insights`: the figures of a media's or story's life so far.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer. One metric that it does not take refuses them all.
    pub async fn media_insights(
        &self,
        token: &AccessToken,
        media: &str,
        metrics: &[&str],
    ) -> Result<Answered<Vec<Insight>>, GraphError> {
        let media = digits(Endpoint::MediaInsights, media)?;
        let mut url = self.versioned(&[media, "insights"]);
        url.query_pairs_mut()
            .append_pair("metric", &metrics.join(","));
        let call = Call::get(Endpoint::MediaInsights, url).bearer(token);
        self.send(call, |object| insights(&object)).await
    }
}
