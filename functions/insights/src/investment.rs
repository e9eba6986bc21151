//! Return on investment: what a media cost and brought, as somebody says, and what that comes to.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::account::Account;
use shared::app::App;
use shared::graph::Endpoint;
use shared::http::meta_ids::media_not_found;
use shared::http::{
    Caller, EditableAccount, JsonBody, MediaId, OwnAccount, Problem, QueryString, given,
};
use shared::media::Investment;
use shared::reading::{self, Reading};
use utoipa::ToSchema;

use crate::analytics::{AccountsQuery, AccountsRefusals, accounts_of};

/// The largest amount that is believed.
const LARGEST: f64 = 1e12;
/// How often a record is read again that somebody else wrote meanwhile.
const TRIES: u32 = 4;

/// What a media cost and brought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvestment {
    /// What was spent on it, in the currency's unit; to the thousandth.
    #[schema(minimum = 0, maximum = 1000000000000_i64, example = 120.5)]
    spend: f64,
    /// What it brought.
    #[schema(minimum = 0, maximum = 1000000000000_i64, example = 480)]
    revenue: f64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    /// How many clicks it brought.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, maximum = 1000000000000_i64, example = 341)]
    clicks: Option<u64>,
}

/// What a media cost and brought, and what that comes to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvestmentView {
    /// Meta's id of the media.
    #[schema(example = "17895000000000001")]
    media_id: String,
    #[serde(flatten)]
    result: ReturnView,
    /// When somebody said so.
    updated_at: Timestamp,
}

/// What was spent and brought in one currency, and what that comes to.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReturnView {
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    /// What was spent.
    #[schema(example = 120.5)]
    spend: f64,
    /// What it brought.
    #[schema(example = 480.0)]
    revenue: f64,
    /// (revenue − spend) ÷ spend; absent where nothing was spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 2.983402)]
    return_on_investment: Option<f64>,
    /// How many clicks it brought, where somebody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 341)]
    clicks: Option<u64>,
    /// What a click cost: of what was spent on media of which somebody said how many clicks they brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0.353)]
    cost_per_click: Option<f64>,
}

/// What all media together cost and brought.
#[derive(Serialize, ToSchema)]
pub(crate) struct Investments {
    /// Of each media.
    media: Vec<InvestmentOfAccount>,
    /// Of each account, in each currency.
    accounts: Vec<ReturnOf>,
    /// Of each client, in each currency; what is of no client stands under an empty id.
    clients: Vec<ReturnOf>,
}

/// What a media cost and brought, and whose it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvestmentOfAccount {
    /// The account's id.
    #[schema(example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    account_id: String,
    #[serde(flatten)]
    investment: InvestmentView,
}

/// What somebody's media cost and brought.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReturnOf {
    /// Whose.
    #[schema(example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    id: String,
    #[serde(flatten)]
    result: ReturnView,
}

/// Amounts in one currency, in thousandths.
#[derive(Clone, Copy, Default)]
struct Sum {
    spend: i64,
    revenue: i64,
    clicks: Option<u64>,
    /// What was spent where clicks are known: a click costs a part of this.
    spend_on_clicks: i64,
}

impl Sum {
    fn of(investment: &Investment) -> Self {
        Self {
            spend: investment.spend,
            revenue: investment.revenue,
            clicks: investment.clicks,
            spend_on_clicks: investment.clicks.map_or(0, |_| investment.spend),
        }
    }

    fn add(&mut self, other: Self) {
        self.spend = self.spend.saturating_add(other.spend);
        self.revenue = self.revenue.saturating_add(other.revenue);
        self.clicks = match (self.clicks, other.clicks) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        self.spend_on_clicks = self.spend_on_clicks.saturating_add(other.spend_on_clicks);
    }

    fn view(self, currency: &str) -> ReturnView {
        let units = |thousandths: i64| thousandths as f64 / 1_000.0;
        let (spend, revenue) = (units(self.spend), units(self.revenue));
        let rounded = |value: f64| (value * 1_000_000.0).round() / 1_000_000.0;
        let clicks = self.clicks.filter(|clicks| *clicks > 0);
        ReturnView {
            currency: currency.to_owned(),
            spend,
            revenue,
            return_on_investment: (self.spend > 0).then(|| rounded((revenue - spend) / spend)),
            clicks: self.clicks,
            cost_per_click: clicks
                .map(|clicks| rounded(units(self.spend_on_clicks) / clicks as f64)),
        }
    }
}

impl From<&Investment> for InvestmentView {
    fn from(investment: &Investment) -> Self {
        Self {
            media_id: investment.media.clone(),
            result: Sum::of(investment).view(&investment.currency),
            updated_at: investment.updated_at,
        }
    }
}

/// Shows what a media cost and brought.
#[utoipa::path(get, path = "/instagram/accounts/{id}/media/{mediaId}/investment", responses(
    (status = 200, description = "What it cost and brought.", body = InvestmentView),
    UnknownRefusals,
))]
pub(crate) async fn get_investment(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    MediaId(media): MediaId,
) -> Result<Json<InvestmentView>, Problem> {
    let found = app.table.investment(&account.id, &media).await?;
    let found = found.ok_or_else(investment_not_found)?;
    Ok(Json(InvestmentView::from(&found)))
}

/// Says what a media cost and brought. What was said before is replaced.
///
/// The account must have the media: stored, or at Instagram.
#[utoipa::path(put, path = "/instagram/accounts/{id}/media/{mediaId}/investment", responses(
    (status = 200, description = "What it cost and brought.", body = InvestmentView),
    InvestmentRefusals,
))]
pub(crate) async fn put_investment(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
    MediaId(media): MediaId,
    JsonBody(new): JsonBody<NewInvestment>,
) -> Result<Json<InvestmentView>, Problem> {
    let (spend, revenue) = (thousandths(new.spend)?, thousandths(new.revenue)?);
    if new.clicks.is_some_and(|clicks| clicks as f64 > LARGEST) {
        return Err(invalid_amount());
    }
    let is_currency =
        new.currency.len() == 3 && new.currency.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_currency {
        return Err(invalid_currency());
    }
    let mut is_checked = false;
    for _ in 0..TRIES {
        let known = app.table.investment(&account.id, &media).await?;
        if known.is_none() && !is_checked {
            needs_media(&app, &account, &caller.user, &media).await?;
            is_checked = true;
        }
        let investment = Investment {
            media: media.clone(),
            spend,
            revenue,
            currency: new.currency.clone(),
            clicks: new.clicks,
            updated_at: app.clock.now(),
            version: known.map_or(0, |known| known.version),
        };
        if app.table.write_investment(&account.id, &investment).await? {
            return Ok(Json(InvestmentView::from(&investment)));
        }
    }
    Err(Problem::unavailable())
}

/// Nothing is said of a media that the account does not have: that neither is stored nor is at Instagram, as one is that was
/// published since the last sync.
async fn needs_media(
    app: &Arc<App>,
    account: &Account,
    by: &str,
    media: &str,
) -> Result<(), Problem> {
    if app.table.find_media(&account.id, media).await?.is_some() {
        return Ok(());
    }
    let reading = Reading::of(app, account, by).await?;
    let graph = reading.graph();
    match graph.one_media(&reading.token, media).await {
        Err(error) if error.kind.is_not_there() => Err(media_not_found()),
        answer => reading.take(answer).await.map(|_| ()),
    }
}

/// Reports what media cost and brought: of each, of each account and of each client. Currencies are never mixed.
#[utoipa::path(get, path = "/analytics/investments", responses(
    (status = 200, description = "What was spent and brought.", body = Investments),
    AccountsRefusals,
))]
pub(crate) async fn list_investments(
    State(app): State<Arc<App>>,
    caller: Caller,
    QueryString(query): QueryString<AccountsQuery>,
) -> Result<Json<Investments>, Problem> {
    let mut media = Vec::new();
    let mut of_accounts: BTreeMap<(String, String), Sum> = BTreeMap::new();
    let mut of_clients: BTreeMap<(String, String), Sum> = BTreeMap::new();
    for account in accounts_of(&app, &caller, &query).await? {
        for investment in app.table.investments(&account.id).await? {
            let sum = Sum::of(&investment);
            let client = account.client_id.clone().unwrap_or_default();
            let currency = &investment.currency;
            for (sums, id) in [
                (&mut of_accounts, account.id.clone()),
                (&mut of_clients, client),
            ] {
                sums.entry((id, currency.clone())).or_default().add(sum);
            }
            media.push(InvestmentOfAccount {
                account_id: account.id.clone(),
                investment: InvestmentView::from(&investment),
            });
        }
    }
    let views = |sums: BTreeMap<(String, String), Sum>| {
        let views = sums.into_iter().map(|((id, currency), sum)| ReturnOf {
            id,
            result: sum.view(&currency),
        });
        views.collect()
    };
    Ok(Json(Investments {
        media,
        accounts: views(of_accounts),
        clients: views(of_clients),
    }))
}

fn thousandths(amount: f64) -> Result<i64, Problem> {
    if !amount.is_finite() || !(0.0..=LARGEST).contains(&amount) {
        return Err(invalid_amount());
    }
    Ok((amount * 1_000.0).round() as i64)
}

shared::refusals!(
    /// Why there is nothing to show.
    pub(crate) UnknownRefusals: [investment_not_found()]
);
shared::refusals!(
    /// Which investments are refused.
    pub(crate) InvestmentRefusals: reading::refusals(&[Endpoint::ReadMedia])
        .into_iter()
        .chain([invalid_amount(), invalid_currency(), Problem::unavailable()])
);

fn investment_not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "investment_not_found",
        "Nobody has said what this media cost and brought.",
    )
}

fn invalid_amount() -> Problem {
    Problem::bad_request(
        "invalid_amount",
        "`spend`, `revenue` and `clicks` must be numbers from 0 to 1000000000000.",
    )
}

fn invalid_currency() -> Problem {
    Problem::bad_request(
        "invalid_currency",
        "`currency` must be three capital letters, as ISO 4217 has them.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(spend: i64, revenue: i64, clicks: Option<u64>) -> Sum {
        Sum::of(&Investment {
            media: "1".into(),
            spend,
            revenue,
            currency: "EUR".into(),
            clicks,
            updated_at: Timestamp::UNIX_EPOCH,
            version: 1,
        })
    }

    #[test]
    fn a_return_is_what_is_left_by_what_was_spent() {
        let view = sum(120_500, 480_000, Some(100)).view("EUR");
        assert_eq!(view.return_on_investment, Some(2.983402));
        assert_eq!(view.cost_per_click, Some(1.205));
        let nothing = sum(0, 5_000, Some(0)).view("EUR");
        assert_eq!(nothing.return_on_investment, None);
        assert_eq!(nothing.cost_per_click, None);
    }

    #[test]
    fn what_was_spent_without_a_word_on_clicks_makes_no_click_dearer() {
        let mut all = Sum::default();
        all.add(sum(900_000, 0, None));
        assert_eq!(all.view("EUR").clicks, None);
        assert_eq!(all.view("EUR").cost_per_click, None);
        all.add(sum(120_500, 480_000, Some(90)));
        all.add(sum(79_500, 20_000, Some(10)));
        let view = all.view("EUR");
        assert_eq!((view.spend, view.revenue), (1_100.0, 500.0));
        assert_eq!(view.clicks, Some(100));
        assert_eq!(view.cost_per_click, Some(2.0));
        // Money that brought no click at all makes the others dearer.
        all.add(sum(100_000, 0, Some(0)));
        assert_eq!(all.view("EUR").cost_per_click, Some(3.0));
    }

    #[test]
    fn an_amount_is_kept_to_the_thousandth() {
        assert_eq!(thousandths(120.5).unwrap(), 120_500);
        assert_eq!(thousandths(0.1 + 0.2).unwrap(), 300);
        for bad in [-0.01, f64::NAN, f64::INFINITY, 1e13] {
            assert!(thousandths(bad).is_err(), "{bad}");
        }
    }
}
