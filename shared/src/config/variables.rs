//! Every variable that a function reads, with its default and purpose.

/// A variable that this project reads: its name, its default (`None`: it must be set) and what it is for.
pub struct Variable {
    /// The variable's name.
    pub name: &'static str,
    /// What holds when it is not set; an empty text means "nothing", `None` that it must be set.
    pub default: Option<&'static str>,
    /// What it is for, in one sentence.
    pub purpose: &'static str,
}

const fn variable(
    name: &'static str,
    default: Option<&'static str>,
    purpose: &'static str,
) -> Variable {
    Variable {
        name,
        default,
        purpose,
    }
}

/// Every variable that a function reads, but for those that Lambda itself sets.
pub const VARIABLES: &[Variable] = &[
    variable(
        "INSTAGRAM_MODE",
        Some("production"),
        "`development` or `production`: in development, pages explain that a person needs a role on the Meta app, and \
         addresses on this machine may use plain HTTP",
    ),
    variable(
        "INSTAGRAM_API_VERSION",
        Some("v26.0"),
        "Version segment of every Graph call",
    ),
    variable(
        "INSTAGRAM_SCOPES",
        Some(
            "instagram_business_basic,instagram_business_content_publish,instagram_business_manage_comments,instagram_business_manage_messages,instagram_business_manage_insights",
        ),
        "Scopes that a login asks for, separated by commas; `instagram_business_basic` must be among them",
    ),
    variable(
        "INSTAGRAM_REDIRECT_URI",
        None,
        "Address of `GET /instagram/callback`, exactly as registered in Meta's dashboard",
    ),
    variable(
        "INSTAGRAM_RETURN_TO",
        None,
        "Addresses to which a login may return, separated by commas: an origin allows every path on it, an address \
         with a path only itself. The first one is used when a login names none",
    ),
    variable(
        "INSTAGRAM_LOGINS_BEGUN_BY_SERVERS",
        Some("refuse"),
        "Whether a login that a server began may end with Instagram's redirect: `refuse` or `allow`. No browser is bound \
         to such a login, so with `allow` whoever can begin one can send its address to somebody else. \
         `POST /instagram/callback` takes them in any case",
    ),
    variable(
        "INSTAGRAM_WEBHOOK_FIELDS",
        Some(
            "comments,live_comments,messages,message_reactions,messaging_postbacks,messaging_referral,messaging_seen",
        ),
        "Webhook fields that each account is subscribed to when it connects",
    ),
    variable(
        "INSTAGRAM_AUTHORIZE_URL",
        Some("https://www.instagram.com"),
        "Meta's host of the consent window",
    ),
    variable(
        "INSTAGRAM_TOKEN_URL",
        Some("https://api.instagram.com"),
        "Meta's host of the code exchange",
    ),
    variable(
        "INSTAGRAM_GRAPH_URL",
        Some("https://graph.instagram.com"),
        "Meta's host of every other call",
    ),
    variable(
        "GRAPH_TIMEOUT_MS",
        Some("10000"),
        "Total time of one Graph call with its retries, milliseconds",
    ),
    variable(
        "GRAPH_BODY_LIMIT",
        Some("5000000"),
        "Largest answer of Meta's that is read, bytes",
    ),
    variable(
        "APP_SECRET_ID",
        None,
        "Name or ARN of the secret with the app ids and app secrets",
    ),
    variable("TABLE_NAME", None, "The DynamoDB table"),
    variable(
        "ACCOUNT_QUEUE_URL",
        None,
        "Address of the queue that takes the accounts' tasks",
    ),
    variable(
        "ACCOUNT_QUEUE_ARN",
        None,
        "ARN of the same queue, as the schedules' target",
    ),
    variable(
        "POST_QUEUE_URL",
        None,
        "Address of the queue that takes the posts' tasks",
    ),
    variable(
        "POST_QUEUE_ARN",
        None,
        "ARN of the same queue, as the target of the posts' schedules",
    ),
    variable(
        "EVENT_QUEUE_URL",
        None,
        "Address of the queue that takes Instagram's events",
    ),
    variable(
        "PUBLISH_PREPARE_HOURS",
        Some("3"),
        "How long before its time a post is prepared that was planned more than 12 hours ahead, hours; 1 to 20",
    ),
    variable(
        "PUBLISH_TRUSTED_MEDIA",
        Some("none"),
        "Origins besides public ones from which media are looked at, separated by commas; for development only",
    ),
    variable(
        "EVENT_BUS",
        None,
        "Name of the EventBridge bus that takes the announcements",
    ),
    variable(
        "WEBHOOKS_URL",
        Some(""),
        "Address at which people reach the webhooks' function, for the page about a deletion; empty for the address at \
         which Meta reaches it",
    ),
    variable(
        "SCHEDULE_GROUP",
        None,
        "The EventBridge Scheduler group of the accounts' schedules",
    ),
    variable(
        "SCHEDULE_ROLE_ARN",
        None,
        "Role with which EventBridge Scheduler sends to the queue",
    ),
    variable(
        "VAULT_PREFIX",
        Some("instagram/tokens"),
        "Prefix of the names of the secrets that hold token pages",
    ),
    variable(
        "VAULT_PAGE_SIZE",
        Some("64"),
        "Accounts whose tokens share one secret, 1 to 100; 1 gives one secret per account",
    ),
    variable(
        "VAULT_OPEN_PAGES",
        Some("4"),
        "Pages over which new accounts are dealt, 1 to 16",
    ),
    variable(
        "COMPANY_CLAIM",
        Some("custom:company"),
        "Claim of the JWT that names the company; a person without it is a company of their own",
    ),
    variable(
        "ROLE_CLAIM",
        Some("role"),
        "Claim of the JWT that names the role; `admin` where it is absent",
    ),
    variable(
        "MEDIA_CACHE_SECONDS",
        Some("60"),
        "How long an answer of Instagram's about media or figures is kept and given to others, seconds; 0 to 3600, 0 for \
         not at all",
    ),
    variable(
        "REQUEST_BODY_LIMIT",
        Some("65536"),
        "Largest request body that the API accepts, bytes; many posts at once (`/bulk`) may have 16 times as many",
    ),
    variable(
        "LOG_LEVEL",
        Some("info"),
        "`error`, `warn`, `info` or `debug`; lines with metrics are written in any case",
    ),
    variable(
        "METRICS_NAMESPACE",
        Some("InstagramIntegration"),
        "CloudWatch's namespace of the metrics; the template names the stack in it",
    ),
    variable(
        "AWS_ENDPOINT_URL",
        Some(""),
        "Address of an AWS emulator for all services; empty for AWS itself",
    ),
];
