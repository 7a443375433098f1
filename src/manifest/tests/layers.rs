use super::*;

impl Bench {
    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn overlay(mut self, name: &str) -> Self {
        self.overrides.overlays.push(name.to_owned());
        self
    }

    /// Checks that a manifest has mistakes, and that their text holds all of `parts`.
    #[track_caller]
    fn faulty(&self, source: &str, parts: &[&str]) {
        let told = self.bad(source);
        for part in parts {
            assert!(told.contains(part), "{told}\nlacks {part}");
        }
    }
}

const BASE: &str = "\
version: 1
name: shared
labels: {team: support, tier: basic}
workflow: {api_key: '${KEY}'}
input: {subject: '{{row.subject}}', lang: de}
limits: {concurrency: 4, timeout: 2m}
checks: {short: {length: {max: 80}}}
gates: ['coverage >= 50%']
";

#[test]
fn what_a_manifest_says_goes_before_what_it_extends() {
    let bench = Bench::new();
    bench.write("base.yaml", BASE);
    let manifest = bench.good(
        "extends: base.yaml\nname: triage\ndataset: tickets.csv\nlabels: {tier: gold}\nlimits: {timeout: 5m}\n\
         gates: ['coverage >= 99%', 'rows.succeeded >= 1']\n",
    );
    assert_eq!(manifest.name, "triage");
    assert_eq!(
        manifest.labels,
        [("team".to_owned(), "support".to_owned()), ("tier".to_owned(), "gold".to_owned())]
    );
    assert_eq!((manifest.limits.concurrency.max, manifest.limits.timeout.as_secs()), (4, 300));
    assert_eq!((manifest.checks.len(), manifest.gates.len()), (1, 2));
    assert_eq!(manifest.layers.len(), 1);
    assert_eq!(manifest.kept[0].name, "layer-1.yaml");
    assert_eq!(manifest.source, std::fs::read(bench.folder.path().join("m.yaml")).unwrap());
}

#[test]
fn layers_lie_in_the_order_in_which_they_are_written() {
    let bench = Bench::new().overlay("prod").overlay("eu").set("limits.concurrency", "9");
    bench.write("deep.yaml", "labels: {a: deep, b: deep, c: deep, d: deep, e: deep}\n");
    bench.write("one.yaml", "extends: deep.yaml\nlabels: {b: one, c: one, d: one, e: one}\n");
    bench.write("two.yaml", "labels: {c: two, d: two, e: two}\n");
    bench.write("m.prod.yaml", "labels: {e: prod}\nlimits: {concurrency: 7}\n");
    bench.write("m.eu.yaml", "labels: {f: eu}\n");
    let source = format!("{GOOD}extends: [one.yaml, two.yaml]\nlabels: {{d: own, e: own}}\n");
    let manifest = bench.good(&source);
    let labels: Vec<_> = manifest.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(labels, ["a=deep", "b=one", "c=two", "d=own", "e=prod", "f=eu"]);
    assert_eq!(manifest.limits.concurrency.max, 9);
    let names: Vec<_> =
        manifest.layers.iter().map(|layer| layer.file.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["deep.yaml", "one.yaml", "two.yaml", "m.prod.yaml", "m.eu.yaml"]);
}

#[test]
fn a_mistake_is_shown_in_the_file_that_it_stands_in() {
    let bench = Bench::new().overlay("prod");
    bench.write("shared/base.yaml", "# é\nlimits:\n  concurency: 3\n");
    bench.write("m.prod.yaml", "limits: {timeout: soon}\n");
    let source = format!("{GOOD}extends: shared/base.yaml\nlabel: {{}}\n");
    bench.faulty(
        &source,
        &[
            "shared/base.yaml:3:3",
            "  concurency: 3",
            "did you mean `concurrency`?",
            "m.prod.yaml:1:19",
            "m.yaml:7:1",
            "did you mean `labels`?",
        ],
    );
}

#[test]
fn a_column_that_a_base_names_is_missed_in_the_base() {
    let bench = Bench::new();
    bench.write("base.yaml", "limits: {}\ninput: {subject: '{{row.subjct}}'}\n");
    let source = GOOD.replace("input:", "x-input:") + "extends: base.yaml\n";
    let manifest = bench.good(&source);
    let header = ["subject".to_owned()];
    let told = manifest.diagnostics(manifest.check_columns(Some(&header), true)).render(false);
    assert!(told.contains("base.yaml:2:") && told.contains("did you mean `{{row.subject}}`?"), "{told}");
}

#[test]
fn what_is_missing_is_missing_in_the_manifest_itself() {
    let bench = Bench::new();
    bench.write("base.yaml", BASE);
    bench.faulty("description: x\nextends: base.yaml\n", &["m.yaml:1:1", "`dataset` is missing"]);
}

#[test]
fn a_path_starts_from_the_file_that_it_is_written_in() {
    let bench = Bench::new();
    bench.write("shared/base.yaml", "extends: ../roots/root.yaml\ndataset: rows/*.csv\n");
    bench.write("roots/root.yaml", "workflow: {tls: {ca: ca.pem}}\n");
    bench.write("roots/ca.pem", "");
    let manifest = bench.good(&(GOOD.replace("dataset:", "x-dataset:") + "extends: shared/base.yaml\n"));
    let under = |path: &str| bench.folder.path().join(path);
    assert_eq!(manifest.dataset.paths, [under("shared/rows/*.csv")]);
    assert_eq!(manifest.workflow.tls.ca, Some(under("shared/../roots/ca.pem")));
    bench.write("shared/base.yaml", "dataset: gone.csv\n");
    bench.faulty(
        &(GOOD.replace("dataset:", "x-dataset:") + "extends: shared/base.yaml\n"),
        &["shared/base.yaml:1:10", "no such file: `shared/gone.csv`"],
    );
}

#[test]
fn null_takes_a_key_back_to_its_default() {
    let bench = Bench::new();
    bench.write("base.yaml", BASE);
    let manifest = bench.good("extends: base.yaml\ndataset: tickets.csv\nlimits: {timeout: ~}\ngates:\n");
    assert_eq!((manifest.limits.concurrency.max, manifest.gates.len()), (4, 0));
    assert_ne!(manifest.limits.timeout.as_secs(), 120);
    bench.faulty(
        "extends: base.yaml\ndataset: tickets.csv\naccept: {failed: ~}\n",
        &["m.yaml:3:18", "has no value"],
    );
}

#[test]
fn layers_that_can_t_be_read_are_told_of_where_they_are_named() {
    let bench = Bench::new();
    bench.write("base.yaml", BASE);
    bench.write("round.yaml", "extends: again.yaml\n");
    bench.write("again.yaml", "extends: [base.yaml, round.yaml]\n");
    bench.write("broken.yaml", "workflow:\n  api_key: sk-1234\n a: [\n");
    bench.write("list.yaml", "[a]\n");
    bench.write("old.yaml", "version: 2\n");
    bench.write("empty.yaml", "");
    for depth in 0..12 {
        bench.write(&format!("d{depth}.yaml"), &format!("extends: d{}.yaml\n", depth + 1));
    }
    let extends = |value: &str, parts: &[&str]| bench.faulty(&format!("{GOOD}extends: {value}\n"), parts);
    extends("bsae.yaml", &["m.yaml:6:10", "no such file: `bsae.yaml`", "did you mean `base.yaml`?"]);
    extends("m.yaml", &["m.yaml:6:10", "goes in a circle: m.yaml → m.yaml"]);
    extends("round.yaml", &["again.yaml:1:22", "in a circle: round.yaml → again.yaml → round.yaml"]);
    extends("broken.yaml", &["broken.yaml:3:", "not valid YAML"]);
    extends("list.yaml", &["list.yaml:1:1", "not a list"]);
    extends("old.yaml", &["old.yaml:1:10", "knows version 1"]);
    extends("empty.yaml", &["empty.yaml", "it is empty"]);
    extends("d0.yaml", &["deeper than 8 files"]);
    extends("'${NAME}.yaml'", &["may not depend on the environment"]);
    extends("", &["`extends` has no value"]);
    extends("{a: b}", &["must be a path, or a list of paths"]);
    extends("[base.yaml, [a]]", &["must be a path"]);
    assert!(!bench.bad(&format!("{GOOD}extends: broken.yaml\n")).contains("sk-1234"));
}

#[test]
fn a_secret_written_into_a_layer_is_refused_and_never_shown() {
    let bench = Bench::new().overlay("prod");
    bench.write("base.yaml", "labels: {a: b}\nworkflow: {api_key: sk-canary}\n");
    bench.write("m.prod.yaml", "workflow: {apikey: sk-canary}\n");
    let told = bench.bad(&(GOOD.replace("api_key: '${KEY}'", "") + "extends: base.yaml\n"));
    assert!(told.contains("base.yaml:2:21") && told.contains("may not be written out"), "{told}");
    assert!(told.contains("m.prod.yaml:1:12") && !told.contains("canary"), "{told}");
}

#[test]
fn an_overlay_that_is_not_there_is_told_with_those_that_are() {
    let told = |name: &str| {
        let bench = Bench::new().overlay(name);
        bench.write("m.staging.yaml", "labels: {}\n");
        bench.write("m.extends.yaml", "extends: x.yaml\n");
        bench.bad(GOOD)
    };
    assert!(told("prod").contains("there is no `m.prod.yaml`"));
    assert!(told("prod").contains("one of `extends`, `staging`"));
    assert!(told("stagin").contains("did you mean `staging`?"));
    assert!(told("../x").contains("is no name that an overlay can have"));
    assert!(told("extends").contains("m.extends.yaml:1:1") && told("extends").contains("extends nothing"));
    assert!(Bench::new().set("extends", "x.yaml").bad(GOOD).contains("--set extends=x.yaml"));
}

#[test]
fn a_run_s_manifest_is_read_with_its_own_copies_when_all_else_is_gone() {
    let bench = Bench::new().overlay("prod");
    bench.write("shared/base.yaml", "extends: ../deep.yaml\nlabels: {a: base}\n");
    bench.write("deep.yaml", "labels: {a: deep, b: deep}\n");
    bench.write("m.prod.yaml", "labels: {c: prod}\n");
    let source = format!("{GOOD}extends: [deep.yaml, shared/base.yaml]\n");
    let live = bench.good(&source);
    assert_eq!(live.kept.len(), 3, "a base that two files rest on is read once");
    let run = Bench::new();
    for file in &live.kept {
        run.write(&format!("kept/{}", file.name), std::str::from_utf8(&file.bytes).unwrap());
    }
    let folder = bench.folder.path().to_owned();
    for name in ["shared/base.yaml", "deep.yaml", "m.prod.yaml"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    let overrides = Overrides { folder: Some(folder), ..bench.overrides.clone() };
    let frozen = Bench { overrides, secrets: Secrets::Recorded, ..run }.good(&source);
    assert_eq!(frozen.labels, live.labels);
    assert_eq!(frozen.mapping_text(), live.mapping_text());
    let paths = |manifest: &Manifest| -> Vec<_> {
        manifest.layers.iter().map(|layer| (layer.file.name.clone(), layer.file.path.clone())).collect()
    };
    assert_eq!(paths(&frozen), paths(&live));
}

#[test]
fn a_base_called_as_a_run_s_own_copy_is_no_circle() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    std::fs::create_dir_all(run.join("kept")).unwrap();
    let copy = run.join("manifest.yaml");
    std::fs::write(&copy, "extends: manifest.yaml\nname: job\n").unwrap();
    std::fs::write(run.join("kept/layer-1.yaml"), "version: 1\n").unwrap();
    let overrides =
        crate::manifest::Overrides { folder: Some(folder.path().to_owned()), ..Default::default() };
    let reading =
        crate::manifest::read_whole(&copy, &overrides, crate::manifest::Secrets::Recorded, &|_| None);
    let told = format!("{:?}", reading.diagnostics);
    assert!(!told.contains("in a circle"), "{told}");
}
