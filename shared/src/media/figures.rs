//! Asking Instagram for figures so that one metric which it does not take costs nothing but itself.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::days::{plus, start_of};
use super::metrics::{self, Refused, is_no_data, may_be_about_a_metric};
use crate::account::Account;
use crate::app::App;
use crate::aws::AwsError;
use crate::config::INSIGHTS_SCOPE;
use crate::graph::{Answered, GraphError, Insight, InsightsQuery, MediaKind, Usage};
use crate::secret::AccessToken;

/// The search for the metrics that Instagram takes ends where none has worked so long after it began. A caller waits, and a
/// task has half a minute, of which a call before it and its last one may take ten seconds each. Where one has worked, few
/// calls are left.
const SEARCH_LASTS: SignedDuration = SignedDuration::from_secs(8);

/// Why there are no figures.
#[derive(Debug)]
pub enum FiguresError {
    /// Instagram refused, or did not answer.
    Graph(GraphError),
    /// The table did not.
    Aws(AwsError),
}

impl From<GraphError> for FiguresError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<AwsError> for FiguresError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

/// Whether the account's person has allowed figures to be read.
pub fn are_allowed(account: &Account) -> bool {
    account.scopes.iter().any(|scope| scope == INSIGHTS_SCOPE)
}

/// What Instagram said.
#[derive(Debug, Default)]
pub struct Figures {
    /// What it knows. Empty where it has no figures for this.
    pub insights: Vec<Insight>,
    /// How many calls that took.
    pub calls: u64,
    /// What the last answer told of limits.
    pub usage: Usage,
    /// Why Instagram refused every metric that it was asked for: then it says nothing of what there is.
    pub refused: Option<GraphError>,
}

/// What figures are asked of.
enum Subject<'a> {
    Media(&'a str),
    Account(&'a InsightsQuery<'a>),
}

/// The figures of a media by all metrics that are known to work for its kind.
///
/// # Errors
/// See [`FiguresError`]; that there are none is no error.
pub async fn of_media(
    app: &Arc<App>,
    account: &Account,
    token: &AccessToken,
    (media, kind): (&str, MediaKind),
) -> Result<Figures, FiguresError> {
    let subject = Subject::Media(media);
    let wanted = metrics::of_kind(kind);
    learning(app, account, token, &subject, (kind.as_str(), wanted)).await
}

/// An account's figures by all of the query's metrics that are known to work.
///
/// # Errors
/// See [`FiguresError`].
pub async fn of_account(
    app: &Arc<App>,
    account: &Account,
    token: &AccessToken,
    query: &InsightsQuery<'_>,
) -> Result<Figures, FiguresError> {
    let subject = Subject::Account(query);
    learning(
        app,
        account,
        token,
        &subject,
        (metrics::ACCOUNT, query.metrics),
    )
    .await
}

async fn ask(
    app: &Arc<App>,
    account: &Account,
    token: &AccessToken,
    subject: &Subject<'_>,
    metrics: &[&str],
) -> Result<Answered<Vec<Insight>>, GraphError> {
    let graph = app.graph.for_login(account.login);
    match subject {
        Subject::Media(media) => graph.media_insights(token, media, metrics).await,
        Subject::Account(query) => {
            let part = InsightsQuery {
                metrics,
                ..(*query).clone()
            };
            let id = account.platform_account_id.as_str();
            graph.account_insights(token, id, &part).await
        }
    }
}

/// Asks with all metrics at once and, where that is refused, with halves of them, until those stand alone that Instagram
/// does not take. They are remembered for `kind`, as long as others worked: else it is not about the metrics.
async fn learning(
    app: &Arc<App>,
    account: &Account,
    token: &AccessToken,
    subject: &Subject<'_>,
    (kind, wanted): (&str, &[&str]),
) -> Result<Figures, FiguresError> {
    let version = app.config.graph.api_version.as_str();
    let refused = app.table.refused_metrics(version).await?;
    let until = app.clock.now() + SEARCH_LASTS;
    let mut left = vec![refused.working(kind, wanted, app.clock.now())];
    let mut figures = Figures::default();
    let mut has_worked = false;
    let mut found: Vec<&str> = Vec::new();
    let mut refusal = None;
    while let Some(part) = left.pop() {
        if part.is_empty() {
            continue;
        }
        if !has_worked && refusal.is_some() && app.clock.now() >= until {
            break;
        }
        figures.calls += 1;
        match ask(app, account, token, subject, &part).await {
            Ok(answered) => {
                has_worked = true;
                figures.usage = answered.usage;
                figures.insights.extend(answered.value);
            }
            Err(error) if is_no_data(error.kind) => return Ok(figures),
            Err(error) if may_be_about_a_metric(error.kind) => {
                refusal = Some(error);
                match part.as_slice() {
                    [alone] => found.push(alone),
                    several => {
                        let (one, other) = several.split_at(several.len() / 2);
                        left.extend([other.to_vec(), one.to_vec()]);
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !has_worked {
        figures.refused = refusal;
    } else if !found.is_empty() {
        remember(app, version, refused, kind, &found).await?;
    }
    Ok(figures)
}

async fn remember(
    app: &Arc<App>,
    version: &str,
    mut refused: Refused,
    kind: &str,
    found: &[&str],
) -> Result<(), AwsError> {
    tracing::warn!(
        event = "metrics_refused",
        kind,
        metrics = found.join(","),
        "Instagram does not take these metrics: they are left out from now on"
    );
    refused.note(kind, found, app.clock.now());
    // Whoever wrote meanwhile has learnt something too; what is lost of ours is learnt again.
    app.table.write_refused_metrics(version, &refused).await?;
    Ok(())
}

/// An account's figures of one day, by Meta's names; empty where Instagram has none.
///
/// # Errors
/// See [`FiguresError`].
pub async fn of_day(
    app: &Arc<App>,
    account: &Account,
    token: &AccessToken,
    day: Date,
) -> Result<Figures, FiguresError> {
    let query = InsightsQuery {
        metrics: metrics::OF_DAY,
        period: "day",
        metric_type: "total_value",
        since: Some(start_of(day)),
        until: Some(start_of(plus(day, 1))),
        ..InsightsQuery::default()
    };
    of_account(app, account, token, &query).await
}
