//! A real PostgreSQL for the tests: one server for the whole process, a database for each test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The server listens on a socket in its own folder, so that no port can be taken. It lives
/// for as long as the pipe into its shell is open, which is as long as this process,
/// however that ends; then the shell stops it and removes the folder.
const SCRIPT: &str = r#"
set -e
umask 077
folder=$(mktemp -d "$1/driftline-postgres-XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$2/initdb" -D "$folder/data" -U driftline --auth=trust -E UTF8 --no-locale --no-sync >"$folder/initdb.log" 2>&1 \
    || { cat "$folder/initdb.log" >&2; exit 1; }
"$2/postgres" -D "$folder/data" -k "$folder" -F -c listen_addresses= -c max_connections=200 \
    </dev/null >"$folder/log" 2>&1 &
server=$!
for try in $(seq 300); do
    "$2/pg_isready" -q -h "$folder" -U driftline && break
    kill -0 $server 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.1
done
echo "$folder"
cat >/dev/null || true
kill -INT $server
wait $server || true
"#;

struct Server {
    folder: PathBuf,
    programs: PathBuf,
    /// Its standard input is the pipe that keeps the server alive.
    _shell: Child,
}

/// A URL of a new, empty database; `None`, said loudly, where PostgreSQL is not installed.
pub(crate) fn new_database() -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(start).as_ref()?;
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let made = Command::new(server.programs.join("createdb"))
        .arg("-h")
        .arg(&server.folder)
        .args(["-U", "driftline", &name])
        .status()
        .unwrap();
    assert!(made.success(), "createdb: {made}");
    Some(format!(
        "postgres://driftline@localhost/{name}?host={}",
        server.folder.display()
    ))
}

fn start() -> Option<Server> {
    let Some(programs) = programs() else {
        eprintln!("SKIPPED: PostgreSQL is not installed (Debian: apt-get install postgresql)");
        return None;
    };
    let mut shell = match is_root() {
        // The server refuses to run as root.
        true => {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "bash",
            ]);
            command
        }
        false => Command::new("bash"),
    };
    let mut child = shell
        .args(["-c", SCRIPT, "bash"])
        .arg(std::env::temp_dir())
        .arg(&programs)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let folder = PathBuf::from(line.trim_end());
    assert!(folder.is_dir(), "PostgreSQL did not start: see above");
    Some(Server {
        folder,
        programs,
        _shell: child,
    })
}

/// The folder of the newest server programs: Debian keeps them out of the search path.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let searched = std::env::var_os("PATH");
    let path = searched.iter().flat_map(std::env::split_paths);
    debian
        .chain(path)
        .filter(|folder: &PathBuf| has_server(folder))
        .max_by_key(|folder| folder.to_string_lossy().into_owned())
}

fn has_server(folder: &Path) -> bool {
    ["initdb", "postgres", "pg_isready", "createdb"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}
