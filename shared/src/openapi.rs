//! How a route describes itself. Its annotation (`#[utoipa::path]`, beside the handler) names method, path, summary and
//! answers; what the handler's signature takes adds parameters, body, authorization and refusals, so that none of these
//! is written twice. Tests make `docs/openapi.json` from it.
//!
//! A deployed function calls nothing here but [`route`]; the linker leaves the rest out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use http::HeaderMap;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, RefOr, Required, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::app::App;
use crate::graph::{Endpoint, ErrorKind, GraphError};
use crate::http::extract::REQUEST_BODY_LIMIT;
use crate::http::{JsonBody, Problem, QueryString};

#[doc(hidden)]
pub use pastey;

/// An operation of the API, as its handler describes it.
pub struct Described {
    /// Lower-case method.
    pub method: String,
    /// The path with its placeholders.
    pub path: String,
    /// Whether its handler takes the caller of a verified JWT.
    pub needs_jwt: bool,
    /// Everything else. Refusals stand among its answers under `<status> <code>`.
    pub operation: Operation,
    /// The types that it names.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// Refusals by `<status> <code>`.
pub type Refusals = BTreeMap<String, RefOr<Response>>;

/// What stands in a handler's signature, and what it adds to the description.
pub trait Describe {
    /// Adds it.
    fn describe(described: &mut Described);
}

/// A handler's whole signature: axum's marker and every argument.
pub trait Signature {
    /// Adds what each argument adds.
    fn describe(described: &mut Described);
}

macro_rules! signatures {
    ($([$($argument:ident),*])*) => {
        $(impl<M, $($argument: Describe),*> Signature for (M, $($argument,)*) {
            fn describe(_described: &mut Described) {
                $($argument::describe(_described);)*
            }
        })*
    };
}

signatures!([] [A] [A, B] [A, B, C] [A, B, C, D] [A, B, C, D, E] [A, B, C, D, E, F]);

/// Adds an annotated handler to a router, under the method and path of its annotation.
pub fn route<P: utoipa::Path, H: Handler<T, Arc<App>>, T: 'static>(
    router: Router<Arc<App>>,
    handler: H,
) -> Router<Arc<App>> {
    let filters = P::methods().into_iter().map(|method| match method {
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    });
    let path = P::path();
    filters.fold(router, |router, filter| {
        router.route(&path, on(filter, handler.clone()))
    })
}

/// What an annotated handler says of itself.
pub fn describe<P, H, T>(_: H) -> Described
where
    P: utoipa::Path + utoipa::__dev::SchemaReferences,
    H: Handler<T, Arc<App>>,
    T: Signature,
{
    let method = P::methods().first().map_or("get", |method| match method {
        HttpMethod::Post => "post",
        HttpMethod::Patch => "patch",
        HttpMethod::Put => "put",
        HttpMethod::Delete => "delete",
        _ => "get",
    });
    let mut described = Described {
        method: method.to_owned(),
        path: P::path(),
        needs_jwt: false,
        operation: P::operation(),
        schemas: Vec::new(),
    };
    P::schemas(&mut described.schemas);
    T::describe(&mut described);
    crate::http::edge::describe(&mut described);
    described
}

/// Makes `routes()` and `operations()` from one list of annotated handlers, by module; `self` is the crate's root.
#[macro_export]
macro_rules! routes {
    ($($module:ident :: { $($handler:ident),+ $(,)? }),+ $(,)?) => {
        $crate::openapi::pastey::paste! {
            /// The function's routes.
            pub fn routes() -> axum::Router<std::sync::Arc<$crate::app::App>> {
                let router = axum::Router::new();
                $($(
                    let router = $crate::openapi::route::<$module::[<__path_ $handler>], _, _>(
                        router,
                        $module::$handler,
                    );
                )+)+
                router
            }

            /// What the routes say of themselves.
            pub fn operations() -> Vec<$crate::openapi::Described> {
                vec![$($(
                    $crate::openapi::describe::<$module::[<__path_ $handler>], _, _>($module::$handler),
                )+)+]
            }
        }
    };
}

/// Names refusals for the `responses` of annotations: the very values that the code answers with.
#[macro_export]
macro_rules! refusals {
    ($(#[$meta:meta])* $visibility:vis $name:ident: $problems:expr) => {
        $(#[$meta])*
        $visibility struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> $crate::openapi::Refusals {
                $crate::openapi::refusals($problems)
            }
        }
    };
}

/// Refusals as answers of an operation.
pub fn refusals(problems: impl IntoIterator<Item = Problem>) -> Refusals {
    let answer = |problem: Problem| {
        let response = ResponseBuilder::new().description(problem.detail).build();
        (
            format!("{} {}", problem.status.as_u16(), problem.code),
            RefOr::T(response),
        )
    };
    problems.into_iter().map(answer).collect()
}

/// What Instagram may refuse at these calls.
pub fn of_instagram(endpoints: &[Endpoint]) -> Vec<GraphError> {
    endpoints
        .iter()
        .flat_map(|endpoint| {
            let kinds = ErrorKind::possible_at(*endpoint).into_iter();
            kinds.map(|kind| GraphError::without_answer(*endpoint, kind))
        })
        .collect()
}

impl Described {
    /// Adds refusals.
    pub fn refuse(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.operation
            .responses
            .responses
            .extend(refusals(problems));
    }

    /// Adds a parameter.
    pub fn take(&mut self, parameter: impl Into<Parameter>) {
        let parameters = self.operation.parameters.get_or_insert_default();
        parameters.push(RefOr::T(parameter.into()));
    }
}

impl Describe for State<Arc<App>> {
    fn describe(_: &mut Described) {}
}

/// A handler that looks at headers or at the raw query names them in its annotation, where a caller should know of them.
impl Describe for HeaderMap {
    fn describe(_: &mut Described) {}
}

impl Describe for RawQuery {
    fn describe(_: &mut Described) {}
}

impl<T: IntoParams> Describe for QueryString<T> {
    fn describe(described: &mut Described) {
        for parameter in T::into_params(|| Some(utoipa::openapi::path::ParameterIn::Query)) {
            described.take(parameter);
        }
        described.refuse([crate::http::extract::invalid_query(
            "unknown field `example`",
        )]);
    }
}

impl<T: ToSchema, const TIMES: usize> Describe for JsonBody<T, TIMES> {
    fn describe(described: &mut Described) {
        let schema = <T as PartialSchema>::schema();
        described.schemas.push((T::name().into_owned(), schema));
        T::schemas(&mut described.schemas);
        let reference = utoipa::openapi::Ref::from_schema_name(T::name());
        let content = ContentBuilder::new().schema(Some(reference)).build();
        let body = RequestBodyBuilder::new()
            .content("application/json", content)
            .description(Some(format!(
                "{} bytes at most where `REQUEST_BODY_LIMIT` is as delivered.",
                REQUEST_BODY_LIMIT * TIMES
            )))
            .required(Some(Required::True));
        described.operation.request_body = Some(RefOr::T(body.build()));
        described.refuse(crate::http::extract::body_refusals());
    }
}
