//! How accounts and media are doing: figures by time, who follows and when, what works, what it cost and brought.

mod analytics;
mod audience;
mod best;
mod export;
mod investment;
mod of_media;
mod series;
mod time;
mod totals;

shared::routes! {
    series::{get_insights},
    audience::{get_demographics, get_online_followers, get_competitor},
    of_media::{get_media_insights, list_story_insights},
    best::{get_best_times, list_top_media},
    export::{export_insights},
    investment::{get_investment, put_investment, list_investments},
    analytics::{get_analytics, get_instagram_analytics, compare_accounts},
}
