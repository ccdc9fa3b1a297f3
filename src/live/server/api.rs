//! `/api/…`: the answers of the program's reports, as the same JSON.

mod lists;
mod range;

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;
use tracing::trace_span;

use self::range::Report;
use super::{Params, Refusal, routes::App};
use crate::analytics::{Bucket, DashboardQuery, GroupBy, GroupOrder, Metric, SummaryQuery, TimeSeriesQuery};

type Answer = Result<Response, Refusal>;

/// An answer as JSON.
fn render(json: impl FnOnce() -> Value) -> Answer {
    let _span = trace_span!("render").entered();
    Ok(Json(json()).into_response())
}

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/summary", get(summary))
        .route("/api/timeseries", get(timeseries))
        .route("/api/dashboard", get(dashboard))
        .merge(lists::routes())
}

/// The names of the orders of groups.
const ORDERS: [(&str, GroupOrder); 6] = [
    ("key", GroupOrder::Key),
    ("cost", GroupOrder::Cost),
    ("tokens", GroupOrder::Tokens),
    ("requests", GroupOrder::Requests),
    ("errors", GroupOrder::Errors),
    ("last", GroupOrder::Last),
];

async fn summary(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let mut params = Params::of(&query.unwrap_or_default());
    let report = Report::read(&mut params, &app.config().tz)?;
    let by = params.value::<GroupBy>("by")?.unwrap_or_default();
    let query = SummaryQuery {
        filter: range::filter(&mut params)?,
        cost: report.cost,
        simulated: report.simulated,
        order: params.choice("sort", &ORDERS)?,
        limit: params.value("limit")?,
        ..SummaryQuery::new(report.range(None)?, by)
    };
    params.finish()?;
    let answer = app.reading().ask(query).await?;
    render(|| answer.to_json())
}

async fn timeseries(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let mut params = Params::of(&query.unwrap_or_default());
    let report = Report::read(&mut params, &app.config().tz)?;
    let bucket = params.value("bucket")?.unwrap_or(Bucket::HOUR);
    let metrics = range::list::<Metric>(&mut params, "metric")?;
    let mut query = TimeSeriesQuery::over(report.range(None)?, report.now, bucket, metrics);
    query.filter = range::filter(&mut params)?;
    query.cost = report.cost;
    query.simulated = report.simulated;
    query.compare = params.switch("compare")?;
    query.moving_average = params.value::<u16>("moving-average")?.map(usize::from);
    query.anomalies = params.switch("anomalies")?;
    params.finish()?;
    let answer = app.reading().ask(query).await?;
    render(|| answer.to_json())
}

async fn dashboard(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let mut params = Params::of(&query.unwrap_or_default());
    let report = Report::read(&mut params, &app.config().tz)?.at_the_minute();
    let mut query = DashboardQuery::asked(report.range(None)?, report.now);
    query.bucket = params.value("bucket")?;
    query.cost = report.cost;
    query.simulated = report.simulated;
    params.finish()?;
    let answer = app.reading().ask(query).await?;
    render(|| answer.to_json())
}
