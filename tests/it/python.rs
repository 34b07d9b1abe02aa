//! The artifacts open in pyarrow, where Python has it; and always with the arrow crates.

use crate::peers;
use crate::project::Project;

const SCRIPT: &str = r#"
import sys, json
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc
run = Path(sys.argv[1])
seen = {}
for path in sorted(run.rglob("*.parquet")):
    table = pq.read_table(path)
    seen[str(path.relative_to(run))] = [table.num_rows, table.column_names]
for path in sorted(run.rglob("*.arrow")):
    with pa.memory_map(str(path)) as source:
        table = ipc.open_file(source).read_all()
    seen[str(path.relative_to(run))] = [table.num_rows, table.column_names]
print(json.dumps(seen))
"#;

#[test]
fn artifacts_open_in_pyarrow_and_in_arrow() {
    let project = Project::new();
    let run = project.run(&[]);
    let dir = run.dir(&project);
    let expected = [
        ("dataset/examples.parquet", 4000, "example_id"),
        ("sample/samples.parquet", 600, "position"),
        ("train/history.parquet", 12, "val_loss"),
        ("embed-validation/embeddings.parquet", 200, "embedding"),
        ("calibrate/thresholds.parquet", 0, "distance"),
        ("match/matches.parquet", 200, "neighbours"),
        ("match/confusion.parquet", 0, "count"),
        ("index/index.arrow", 60, "vector"),
    ];
    for (file, rows, column) in expected {
        let path = dir.join(file);
        let columns = if file.ends_with(".arrow") {
            simpipe_artifact::table::Columns::read_arrow(&path)
        } else {
            simpipe_artifact::table::Columns::read_parquet(&path, None)
        };
        let columns = columns.unwrap();
        assert!(columns.names().contains(&column.to_owned()), "{file}: {:?}", columns.names());
        assert!(rows == 0 || columns.rows() == rows, "{file}: {} rows", columns.rows());
    }
    let Some(mut python) = peers::python("pyarrow", &["pyarrow"]) else { return };
    let output = python.args(["-c", SCRIPT, dir.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (file, rows, column) in expected {
        assert!(seen[file][1].to_string().contains(column), "{file}: {}", seen[file]);
        assert!(rows == 0 || seen[file][0] == rows, "{file}: {}", seen[file]);
    }
}
