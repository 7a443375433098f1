//! A browser, asked through chromedriver over plain HTTP (W3C `WebDriver`).

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// How long a page may take for anything; a bound for machines that are busy, not a figure.
const PATIENCE: Duration = Duration::from_secs(120);

/// A headless browser with one window.
pub(crate) struct Browser {
    driver: Child,
    session: String,
    client: reqwest::Client,
    runtime: Runtime,
}

/// Where a program of the name lies.
fn found(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<_> = env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

impl Browser {
    /// Starts a browser; none, with a word about it, where there is none.
    pub(crate) fn start() -> Option<Self> {
        let driver = found(&["chromedriver"]);
        let chromium = found(&["chromium", "chromium-browser", "google-chrome"]);
        let (Some(driver), Some(chromium)) = (driver, chromium) else {
            eprintln!(
                "skipped: no chromium and chromedriver on this machine (./test installs them on Debian)"
            );
            return None;
        };
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| line.split("started successfully on port ").nth(1).map(str::to_owned))
            .expect("chromedriver says on which port it listens");
        let port = port.trim_end_matches('.');
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut browser =
            Self { driver, session: format!("http://127.0.0.1:{port}/session"), client, runtime };
        let options = json!({
            "binary": chromium,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--force-device-scale-factor=1"],
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let session = browser.send(&reqwest::Method::POST, "", &wanted);
        let id = session["sessionId"].as_str().expect("a session").to_owned();
        browser.session = format!("{}/{id}", browser.session);
        browser.post("/timeouts", &json!({"script": 90_000, "pageLoad": 90_000}));
        Some(browser)
    }

    fn send(&self, method: &reqwest::Method, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.session);
        self.runtime.block_on(async {
            let mut request = self.client.request(method.clone(), &url);
            if *method == reqwest::Method::POST {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            let text = request.send().await.unwrap().text().await.unwrap();
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert!(answer["value"]["error"].is_null(), "{path}: {}", answer["value"]["message"]);
            answer["value"].clone()
        })
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.send(&reqwest::Method::POST, path, body)
    }

    /// Asks the browser's own protocol.
    fn command(&self, name: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({"cmd": name, "params": parameters}));
    }

    /// Opens a file.
    pub(crate) fn open(&self, file: &Path) {
        self.post("/url", &json!({"url": format!("file://{}", file.display())}));
    }

    /// Opens an address.
    pub(crate) fn open_address(&self, address: &str) {
        self.post("/url", &json!({"url": address}));
    }

    /// Runs a script in the page, and gives what it returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits in the page until an expression is true.
    pub(crate) fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0]; const end = performance.now() + 80000;
             const look = () => {{ let is = false; try {{ is = {expression}; }} catch (e) {{}}
               if (is || performance.now() > end) done(Boolean(is)); else requestAnimationFrame(() => setTimeout(look, 5)); }};
             look();"
        );
        let answer = self.post("/execute/async", &json!({"script": script, "args": []}));
        assert_eq!(answer, json!(true), "never came true: {expression}");
    }

    /// Types into the element that a selector finds, as a person does.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        let element = self.post("/element", &json!({"using": "css selector", "value": selector}));
        let id = element.as_object().and_then(|it| it.values().next()?.as_str().map(str::to_owned)).unwrap();
        self.post(&format!("/element/{id}/clear"), &json!({}));
        self.post(&format!("/element/{id}/value"), &json!({"text": text}));
    }

    /// Clicks the element that a selector finds, as a person does.
    pub(crate) fn click(&self, selector: &str) {
        let element = self.post("/element", &json!({"using": "css selector", "value": selector}));
        let id = element.as_object().and_then(|it| it.values().next()?.as_str().map(str::to_owned)).unwrap();
        self.post(&format!("/element/{id}/click"), &json!({}));
    }

    /// Gives the page a width, a height and a scheme of colours.
    pub(crate) fn look(&self, width: u32, height: u32, scheme: &str) {
        self.command(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}),
        );
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.command("Emulation.setEmulatedMedia", &json!({"media": "", "features": features}));
    }

    /// Writes what the window shows to a file.
    pub(crate) fn picture(&self, file: &Path) {
        let answer = self.send(&reqwest::Method::GET, "/screenshot", &Value::Null);
        fs::write(file, STANDARD.decode(answer.as_str().unwrap()).unwrap()).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let url = self.session.clone();
        let _ = self.runtime.block_on(async { self.client.delete(url).send().await });
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
