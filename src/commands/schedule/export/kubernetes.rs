//! A `CronJob` of Kubernetes (batch/v1, 1.31 or later: pod failure policies and time zones are stable there).

use std::time::Duration;

use crate::commands::schedule::export::Exported;
use crate::commands::schedule::export::job::{Clock, Job, Part, Said, comments, plain_cron};
use crate::manifest::{CatchUp, Overlap};

const SAID: Said = Said {
    overlaps: &[Overlap::Skip, Overlap::QueueOne, Overlap::CancelOther, Overlap::Allow],
    overlap_instead: "the last slot that came while an earlier run went on is run after it",
    catch_ups: &[CatchUp::None, CatchUp::Last],
    catch_up_instead: "of several missed slots the last one is run",
    parts: &[Part::Window, Part::Deadline, Part::Keep],
};

/// Below ten seconds the controller, which looks every ten, may miss a slot altogether.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(60);

/// Writes the job with the volume that it needs.
pub(super) fn export(job: &Job<'_>, image: &str) -> Exported {
    let name = &job.name;
    let mut told = job.unsaid("Kubernetes", &SAID);
    told.extend(job.clock_differs("Kubernetes", Clock::Literal));
    if job.schedule.overlap == Overlap::Skip && job.schedule.catch_up == CatchUp::Last {
        told.push(
            "Kubernetes can't tell a slot that was left out from one that was missed: with Forbid, the last slot that \
             came while an earlier run went on is run after it, unless startingDeadlineSeconds has passed."
                .to_owned(),
        );
    }
    if job.schedule.keep.succeeded.is_some() || job.schedule.keep.failed.is_some() {
        told.push("Kubernetes keeps so many Jobs; run folders stay on the volume.".to_owned());
    }
    told.push(format!("Before it: {}", before(job)));
    let mut text = format!("{}{}", job.head("when and how it is run"), comments(&told));
    text.push_str(&cron_job(job, image));
    text.push_str(&volume(name));
    Exported { name: format!("{name}.yaml"), text }
}

/// Says what has to be there.
fn before(job: &Job<'_>) -> String {
    let name = &job.name;
    let folder = job.path.parent().map(crate::commands::run::quoted).unwrap_or_default();
    let mut parts = vec![format!(
        "`kubectl create configmap {name} --from-file={folder}` for the manifest and the files beside it (at most 1 MiB; a larger \
         dataset needs a volume at /manifests)"
    )];
    let literals = job.secrets.iter().map(|name| format!("--from-env-file or --from-literal={name}=…"));
    let files = job.secret_files.iter().map(|path| format!("--from-file={}=…", key_of(path)));
    let secrets: Vec<_> = literals.chain(files).collect();
    if !secrets.is_empty() {
        parts.push(format!("`kubectl create secret generic {name}` with {}", secrets.join(" ")));
    }
    format!("{}.", parts.join("; "))
}

fn cron_job(job: &Job<'_>, image: &str) -> String {
    let name = &job.name;
    let policy = match job.schedule.overlap {
        Overlap::Allow => "Allow",
        Overlap::CancelOther => "Replace",
        Overlap::Skip | Overlap::QueueOne | Overlap::QueueAll => "Forbid",
    };
    let keep = job.schedule.keep;
    let mut text = format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: {name}\nspec:\n  schedule: {schedule}\n  timeZone: {zone}\n  \
         concurrencyPolicy: {policy}\n",
        schedule = quote(&plain_cron(job.calendar().cron())),
        zone = quote(job.calendar().zone().name()),
    );
    if let Some(deadline) = deadline(job) {
        text.push_str(&format!("  startingDeadlineSeconds: {}\n", deadline.as_secs()));
    }
    text.push_str(&format!(
        "  successfulJobsHistoryLimit: {}\n  failedJobsHistoryLimit: {}\n",
        keep.succeeded.unwrap_or(3),
        keep.failed.unwrap_or(3)
    ));
    text.push_str(&format!(
        "  jobTemplate:
    spec:
      backoffLimit: 6
      podFailurePolicy:
        rules:
          # Rows that did not succeed, a mistake, a refused start, a gate or a rule, a bug: a person has to look.
          - action: FailJob
            onExitCodes: {{containerName: flowbatch, operator: In, values: [1, 2, 3, 4, 101]}}
          # The node was drained: the same run goes on elsewhere, and no retry is used up.
          - action: Ignore
            onPodConditions: [{{type: DisruptionTarget, status: \"True\"}}]
          # Interrupted, and to be resumed: a new pod goes on with the same run.
          - action: Count
            onExitCodes: {{containerName: flowbatch, operator: In, values: [5]}}
      template:
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: {stop}
          securityContext: {{runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532, seccompProfile: {{type: RuntimeDefault}}}}
          containers:
            - name: flowbatch
              image: {image}
              securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
              # A Job's name ends with the minute of its slot, so each slot has one run, and a new pod goes on with it.
              args: [run, {manifest}, --id, $(SLOT), --output-dir, /runs, --yes, --no-progress]
              env:
                - name: SLOT
                  valueFrom: {{fieldRef: {{fieldPath: \"metadata.labels['batch.kubernetes.io/job-name']\"}}}}
",
        stop = job.stop_seconds(),
        image = quote(image),
        manifest = quote(&format!("/manifests/{}", file_name(&job.path))),
    ));
    for variable in &job.secrets {
        text.push_str(&format!(
            "                - name: {variable}\n                  valueFrom: {{secretKeyRef: {{name: {name}, key: {variable}}}}}\n"
        ));
    }
    for variable in &job.variables {
        text.push_str(&format!(
            "                - name: {variable}\n                  value: \"\"  # what the manifest reads as ${{{variable}}}\n"
        ));
    }
    text.push_str(&volumes(job));
    text
}

/// Gives how late a slot may be started: also what keeps missed slots from being run.
fn deadline(job: &Job<'_>) -> Option<Duration> {
    let schedule = job.schedule;
    let missed = if schedule.catch_up == CatchUp::None { Some(SHORTEST_DEADLINE) } else { schedule.window };
    let deadline = schedule.start_deadline.into_iter().chain(missed).min()?;
    Some(deadline.max(Duration::from_secs(10)))
}

fn volumes(job: &Job<'_>) -> String {
    let name = &job.name;
    let mut mounts = "              volumeMounts:
                - {name: runs, mountPath: /runs}
                - {name: manifests, mountPath: /manifests, readOnly: true}
"
    .to_owned();
    for path in &job.secret_files {
        // A path of the manifest's own folder moves with it.
        let within = path.strip_prefix(&job.manifest.folder).unwrap_or(path);
        let at = std::path::Path::new("/manifests").join(within);
        mounts.push_str(&format!(
            "                - {{name: secrets, mountPath: {}, subPath: {}, readOnly: true}}\n",
            quote(&at.display().to_string()),
            quote(&key_of(path))
        ));
    }
    let secrets = if job.secret_files.is_empty() {
        String::new()
    } else {
        format!(
            "            - name: secrets\n              secret: {{secretName: {name}, defaultMode: 0440}}\n"
        )
    };
    format!(
        "{mounts}          volumes:\n            - name: runs\n              persistentVolumeClaim: {{claimName: {name}}}\n            \
         - name: manifests\n              configMap: {{name: {name}}}\n{secrets}"
    )
}

/// The volume that run folders are kept on: without it a new pod could not go on with a run.
fn volume(name: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: {name}\nspec:\n  accessModes: [ReadWriteOnce]\n  \
         resources: {{requests: {{storage: 10Gi}}}}\n"
    )
}

/// Gives the key of a secret that holds a file.
fn key_of(path: &std::path::Path) -> String {
    file_name(path)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect()
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Writes a text as YAML takes it whatever it holds: JSON is YAML.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
