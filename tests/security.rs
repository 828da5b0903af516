use std::{fs, path::Path, process::Command};

use crossfade::pb;
use crossfade_client::{Client, Error, Identity, Options, RetryPolicy, Token};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;

use crate::harness::{Server, World, crossfade, succeed};

mod authority;
mod raw;

use authority::{Authority, Pair, Validity};
#[cfg(feature = "otlp")]
pub(crate) use raw::Verbatim;
use raw::{Raw, methods};

/// A server with encrypted connections, and what callers need.
struct Secure {
    directory: TempDir,
    authority: Authority,
    server: Server,
}

impl Secure {
    /// Starts one with a certificate; `more` are further settings.
    fn start(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        authority
            .issue(Validity::Now)
            .write(directory.path(), "server");
        fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let settings = format!(
            "[serve]\nfollow_seconds = 0.05\ntls_certificate = {:?}\ntls_key = {:?}\n{}",
            path("server.pem"),
            path("server.key"),
            more.replace("CA", &format!("{:?}", path("ca.pem")))
        );
        let file = directory.path().join("settings.toml");
        fs::write(&file, settings).unwrap();
        let arguments = ["--config", file.to_str().unwrap()];
        let server = Server::try_start(&World::shared().store, &arguments).unwrap();
        Self {
            directory,
            authority,
            server,
        }
    }

    fn client(&self, options: Options) -> Client {
        let address = format!("https://localhost:{}", self.server.address.port());
        Client::new([address], &once(options)).unwrap()
    }

    /// Trusting the authority that the server has its certificate of.
    fn trusting(&self) -> Options {
        Options {
            authorities: Some(self.authority.pem().into_bytes()),
            ..Options::default()
        }
    }
}

/// Failures are told, not tried again.
fn once(options: Options) -> Options {
    Options {
        retry: RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        },
        ..options
    }
}

fn identity(pair: &Pair) -> Option<Identity> {
    Some(Identity {
        certificates: pair.certificate.clone().into_bytes(),
        key: pair.key.clone().into_bytes(),
    })
}

async fn ask(client: &Client) -> Result<pb::RecommendResponse, Error> {
    client.recommend(pb::RecommendRequest::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_encrypted_connections_to_a_trusted_certificate_are_answered() {
    let secure = Secure::start("");
    let answer = ask(&secure.client(secure.trusting())).await.unwrap();
    assert_eq!(answer.tracks.len(), 20);

    let address = format!("http://{}", secure.server.address);
    let plain = Client::new([address], &once(Options::default())).unwrap();
    assert!(ask(&plain).await.is_err());
    let stranger = Options {
        authorities: Some(Authority::new().pem().into_bytes()),
        ..Options::default()
    };
    let refused = ask(&secure.client(stranger)).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_must_show_a_certificate_where_the_server_asks_for_one() {
    let secure = Secure::start("tls_client_ca = CA");
    let showing = |pair: &Pair| Options {
        identity: identity(pair),
        ..secure.trusting()
    };
    let good = secure.authority.issue(Validity::Now);
    assert!(ask(&secure.client(showing(&good))).await.is_ok());
    assert!(ask(&secure.client(secure.trusting())).await.is_err());
    let expired = secure.authority.issue(Validity::Past);
    assert!(ask(&secure.client(showing(&expired))).await.is_err());
    let stranger = Authority::new().issue(Validity::Now);
    assert!(ask(&secure.client(showing(&stranger))).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_exchanged_while_serving_unless_the_new_ones_are_no_good() {
    let secure = Secure::start("");
    let directory = secure.directory.path();
    let before = secure.client(secure.trusting());
    ask(&before).await.unwrap();

    // Of another authority: who trusts that one alone is let in once it is there.
    let authority = Authority::new();
    let pair = authority.issue(Validity::Now);
    pair.write(directory, "server");
    let options = || Options {
        authorities: Some(authority.pem().into_bytes()),
        ..Options::default()
    };
    until(async || ask(&secure.client(options())).await.is_ok()).await;
    // Connections that exist go on.
    ask(&before).await.unwrap();

    // A certificate with the key of another is not taken.
    fs::write(
        directory.join("server.key"),
        &secure.authority.issue(Validity::Now).key,
    )
    .unwrap();
    for _ in 0..20 {
        ask(&secure.client(options())).await.unwrap();
    }
    // Nor does an expired one get callers.
    authority.issue(Validity::Past).write(directory, "server");
    until(async || ask(&secure.client(options())).await.is_err()).await;
    pair.write(directory, "server");
    until(async || ask(&secure.client(options())).await.is_ok()).await;
}

/// Waits until something holds.
async fn until(holds: impl AsyncFn() -> bool) {
    let mut patience = 600;
    while !holds().await {
        patience -= 1;
        assert!(patience > 0, "it never came");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Makes a token with the program, adds its line to a file, and returns it.
fn token(file: &Path, scopes: &str) -> String {
    let made = succeed(crossfade().args(["token", "tester", "--scopes", scopes, "--json"]));
    let made: Value = serde_json::from_str(&made).unwrap();
    let lines = fs::read_to_string(file).unwrap_or_default();
    fs::write(file, format!("{lines}{}\n", made["line"].as_str().unwrap())).unwrap();
    made["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_lets_in_whom_its_scope_says_and_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens");
    let [reader, writer, admin] = ["read", "write", "admin"].map(|scopes| token(&file, scopes));
    let store = World::shared().copy_of_store();
    let server = Server::try_start(store.path(), &["--tokens", file.to_str().unwrap()]).unwrap();
    let raw = Raw::new(server.channel().await);
    let callers = [
        ("nobody", None),
        ("a stranger", Some("cf_00")),
        ("read", Some(&*reader)),
        ("write", Some(&*writer)),
        ("admin", Some(&*admin)),
    ];
    let mut checked = 0;
    for method in methods() {
        let open = method.starts_with("/grpc.health.");
        let scope = match &*method {
            _ if open => "",
            "/crossfade.v1.EventService/RecordPlays" => "write",
            "/crossfade.v1.ModelService/GetServerInfo" => "read",
            "/crossfade.v1.ExperimentService/GetReport" => "admin",
            other if other.starts_with("/crossfade.v1.ModelService/") => "admin",
            _ => "read",
        };
        for (caller, token) in callers {
            let code = raw.code(&method, token, Vec::new()).await;
            let refused = matches!(code, Code::Unauthenticated | Code::PermissionDenied);
            let expected = match caller {
                _ if open => None,
                "nobody" | "a stranger" => Some(Code::Unauthenticated),
                caller if caller == scope => None,
                _ => Some(Code::PermissionDenied),
            };
            match expected {
                Some(expected) => assert_eq!(code, expected, "{caller} calls {method}"),
                None => assert!(!refused, "{caller} calls {method}: {code:?}"),
            }
            checked += 1;
        }
    }
    assert!(checked >= 19 * callers.len(), "only {checked} cases");
    let unknown = raw.code(
        "/crossfade.v1.NoService/NoMethod",
        Some(&reader),
        Vec::new(),
    );
    assert_eq!(unknown.await, Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_exchanged_while_serving() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens");
    let first = token(&file, "read");
    let server = Server::try_start(
        &World::shared().store,
        &["--tokens", file.to_str().unwrap()],
    )
    .unwrap();
    let address = [format!("http://{}", server.address)];
    let client = |token: &str| {
        let options = Options {
            token: Some(Token::new(token).unwrap()),
            ..Options::default()
        };
        Client::new(&address, &once(options)).unwrap()
    };
    ask(&client(&first)).await.unwrap();
    fs::write(&file, "").unwrap();
    let second = token(&file, "read,write");
    until(async || ask(&client(&second)).await.is_ok()).await;
    let refused = ask(&client(&first)).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::Unauthenticated));
    assert_eq!(refused.reason().as_deref(), Some("UNAUTHENTICATED"));
    // The command line has it from the environment, or from a file.
    let ask = |change: &dyn Fn(&mut Command)| {
        let mut command = crossfade();
        command.args(["recommend", "usr_00002", "--server", &address[0]]);
        change(&mut command);
        command.output().unwrap().status.success()
    };
    assert!(!ask(&|_| {}));
    assert!(ask(&|command| _ = command.env("CROSSFADE_TOKEN", &second)));
    let kept = directory.path().join("token");
    fs::write(&kept, format!("{second}\n")).unwrap();
    assert!(ask(&|command| _ = command.arg("--token-file").arg(&kept)));
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_are_chosen_only_where_administration_is_served() {
    let store = World::shared().copy_of_store();
    let server = Server::try_start(store.path(), &["--admin-listen", "127.0.0.1:0"]).unwrap();
    let main = Raw::new(server.channel().await);
    let admin = Raw::new(server.channel_to(server.told("administration on ")).await);
    let list = "/crossfade.v1.ModelService/ListBundles";
    let info = "/crossfade.v1.ModelService/GetServerInfo";
    assert_eq!(
        main.code(list, None, Vec::new()).await,
        Code::PermissionDenied
    );
    assert_eq!(main.code(info, None, Vec::new()).await, Code::Ok);
    assert_eq!(admin.code(list, None, Vec::new()).await, Code::Ok);
    let rollback = "/crossfade.v1.ModelService/RollbackBundle";
    assert_eq!(
        main.code(rollback, None, Vec::new()).await,
        Code::PermissionDenied
    );
    assert_eq!(admin.code(rollback, None, Vec::new()).await, Code::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_mutilated_requests_of_every_method_are_answered() {
    let store = World::shared().copy_of_store();
    let events = tempfile::tempdir().unwrap();
    let arguments = ["--events", events.path().to_str().unwrap()];
    let server = Server::try_start(store.path(), &arguments).unwrap();
    let raw = Raw::new(server.channel().await);
    let whole = pb::RecommendRequest {
        user_id: "usr_00001".into(),
        history: vec![pb::Play {
            track_id: "trk_00001".into(),
            play_count: Some(2),
            played_at: None,
        }],
        content_weight: Some(0.5),
        limit: Some(5),
        ..Default::default()
    };
    let whole = whole.encode_to_vec();
    let mut random = raw::Random::new(1);
    let unary = methods().into_iter().filter(|method| !raw::streams(method));
    for method in unary {
        for _ in 0..1_000 {
            let bytes = random.mutilate(&whole);
            let code = raw.code(&method, None, bytes).await;
            assert!(
                !matches!(code, Code::Unknown | Code::DataLoss | Code::Cancelled),
                "{method}: {code:?}"
            );
        }
    }
    let address = format!("http://{}", server.address);
    let client = Client::new([address], &once(Options::default())).unwrap();
    assert!(!ask(&client).await.unwrap().tracks.is_empty());
    assert!(!server.said("panicked"));
}
