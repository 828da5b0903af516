use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use crossfade::pb::{
    model_service_client::ModelServiceClient,
    recommendation_service_client::RecommendationServiceClient,
};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// The program under test.
pub(crate) fn crossfade() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    command.env("CROSSFADE_LOG", "warn").arg("--quiet");
    command
}

/// Runs a command that must succeed, and returns what it printed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must fail with status 1, and returns its complaint.
pub(crate) fn fail(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?} did not fail");
    String::from_utf8(output.stderr).unwrap()
}

/// A small world and a store with two bundles trained on it.
pub(crate) struct World {
    _directory: TempDir,
    /// Where plays.parquet and tracks.parquet lie.
    pub(crate) data: PathBuf,
    /// The store; tests that change it take a [`copy`](Self::copy_of_store).
    pub(crate) store: PathBuf,
    /// The bundles, oldest first; the last is active.
    pub(crate) versions: [String; 2],
}

impl World {
    /// The world, made on first use and shared by all tests.
    pub(crate) fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::make)
    }

    fn make() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let store = directory.path().join("bundles");
        let sizes = ["--users", "300", "--tracks", "900", "--plays", "18000"];
        succeed(
            crossfade()
                .arg("generate")
                .arg("--out")
                .arg(&data)
                .args(sizes),
        );
        let versions = ["1", "2"].map(|seed| train(&data, &store, seed));
        Self {
            _directory: directory,
            data,
            store,
            versions,
        }
    }

    /// The store, to be changed at will.
    pub(crate) fn copy_of_store(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_directory(&self.store, copy.path());
        copy
    }
}

/// Trains a small model and returns the version that was published.
pub(crate) fn train(data: &Path, store: &Path, seed: &str) -> String {
    let output = succeed(train_command(data, store).args(["--seed", seed, "--json"]));
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    report["version"].as_str().unwrap().to_owned()
}

/// The command that trains a small model.
pub(crate) fn train_command(data: &Path, store: &Path) -> Command {
    let mut command = crossfade();
    command
        .arg("train")
        .arg("--plays")
        .arg(data.join("plays.parquet"))
        .arg("--tracks")
        .arg(data.join("tracks.parquet"))
        .arg("--out")
        .arg(store)
        .args(["--dim", "16", "--epochs", "4", "--no-validation"]);
    command
}

/// Copies a directory's files and subdirectories.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_directory(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// The arguments of a server.
fn serve<'a>(
    address: &'a str,
    store: &'a Path,
    arguments: &'a [&str],
) -> impl Iterator<Item = &'a OsStr> {
    let own = ["serve", "--listen", address, "--bundles"].map(OsStr::new);
    own.into_iter()
        .chain([store.as_os_str()])
        .chain(arguments.iter().map(OsStr::new))
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it has said.
    said: Arc<Mutex<String>>,
}

impl Server {
    /// Starts the program on a free port and waits until it takes connections.
    pub(crate) fn start(store: &Path) -> Self {
        Self::try_start(store, &[]).expect("the server starts")
    }

    /// Starts the program with further arguments; `Err` has what it said if it ended instead of serving.
    pub(crate) fn try_start(store: &Path, arguments: &[&str]) -> Result<Self, String> {
        Self::start_at("127.0.0.1:0", store, arguments)
    }

    /// As [`try_start`](Self::try_start), at an address.
    pub(crate) fn start_at(
        address: &str,
        store: &Path,
        arguments: &[&str],
    ) -> Result<Self, String> {
        Self::launch(
            Command::new(env!("CARGO_BIN_EXE_crossfade")).args(serve(address, store, arguments)),
        )
    }

    /// As [`try_start`](Self::try_start), where no file that it writes may have more than some KiB: writing more fails like on
    /// a full disk.
    pub(crate) fn start_on_full_disk(
        kib: u32,
        store: &Path,
        arguments: &[&str],
    ) -> Result<Self, String> {
        // Blocks have 512 bytes.
        let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kib);
        Self::launch(
            Command::new("sh")
                .args(["-c", &script, env!("CARGO_BIN_EXE_crossfade")])
                .args(serve("127.0.0.1:0", store, arguments)),
        )
    }

    fn launch(command: &mut Command) -> Result<Self, String> {
        let mut process = command
            .env("CROSSFADE_LOG", "warn")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let hear = |said: &Mutex<String>, line: &str| {
            let mut said = said.lock().unwrap();
            *said += line;
            *said += "\n";
        };
        while let Some(line) = lines.next() {
            let line = line.unwrap();
            hear(&said, &line);
            if let Some((_, address)) = line.split_once("serving on ") {
                let address = address.trim().parse().unwrap();
                // Whatever it says later must not fill the pipe.
                let heard = Arc::clone(&said);
                std::thread::spawn(move || {
                    lines
                        .map_while(Result::ok)
                        .for_each(|line| hear(&heard, &line));
                });
                return Ok(Self {
                    process,
                    address,
                    said,
                });
            }
        }
        process.wait().unwrap();
        let said = said.lock().unwrap().clone();
        Err(said)
    }

    /// Whether it has said something.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.said.lock().unwrap().contains(text)
    }

    /// The address that it told of, behind some words.
    pub(crate) fn told(&self, words: &str) -> SocketAddr {
        let said = self.said.lock().unwrap();
        let (_, rest) = said.split_once(words).unwrap();
        let end = rest.find(['/', '\n']).unwrap();
        rest[..end].parse().unwrap()
    }

    pub(crate) async fn channel(&self) -> Channel {
        self.channel_to(self.address).await
    }

    pub(crate) async fn channel_to(&self, address: SocketAddr) -> Channel {
        Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .timeout(Duration::from_secs(60))
            .connect()
            .await
            .unwrap()
    }

    pub(crate) async fn recommendations(&self) -> RecommendationServiceClient<Channel> {
        RecommendationServiceClient::new(self.channel().await)
    }

    pub(crate) async fn models(&self) -> ModelServiceClient<Channel> {
        ModelServiceClient::new(self.channel().await)
    }

    /// Asks the process to stop, as a supervisor would.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the process to end and returns its exit status.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
