"""The drill of docs/recovery.md: what was lost is taken back by its steps, and features are as they were."""

from tests.handlers.aws_in_process import BUCKET
from tests.handlers.processed_lake import CHECKPOINT, at, computed, processed, put, readings, span, stored


def delete(aws, prefix: str) -> list[str]:
    keys = list(aws.objects(prefix))
    aws.delete(prefix)
    return keys


def remove_markers(aws, prefix: str) -> None:
    listed = aws.s3.list_object_versions(Bucket=BUCKET, Prefix=prefix)
    for marker in listed.get("DeleteMarkers", []):
        if marker["IsLatest"]:
            aws.s3.delete_object(Bucket=BUCKET, Key=marker["Key"], VersionId=marker["VersionId"])


def test_deleted_readings_come_back_with_their_markers_removed(aws, deploy):
    aws.keep_versions()
    some = readings(-6, 0)
    put(aws, some)
    assert delete(aws, "raw/")
    remove_markers(aws, "raw/")
    deploy("processing")(at(0.5))
    assert stored(aws).equals(computed(some, -6, 0))


def test_deleted_outputs_are_computed_from_readings(aws, deploy):
    some = readings(-12, 0)
    invoke = processed(aws, deploy, some, 0.5)
    delete(aws, "processed/")
    invoke(at(0.5))
    invoke(span(-6, 0))
    assert stored(aws).equals(computed(some, -6, 0))
    assert CHECKPOINT in aws.objects("processed/")


def test_a_deleted_compacted_hour_comes_back_from_what_it_replaced_by_puts_that_create(aws, deploy):
    some = [*readings(-3, 0), *readings(-3, 0, minutes=7)]
    put(aws, some[::2])
    invoke = processed(aws, deploy, some[1::2], 0.5)
    for key in delete(aws, "compacted/"):
        hour = key.removeprefix("compacted/").removesuffix("readings.parquet")
        for kept, body in aws.objects(f"replaced/{hour}").items():
            aws.s3.put_object(Bucket=BUCKET, Key=kept.replace("replaced/", "raw/"), Body=body, IfNoneMatch="*")
    invoke(span(-3, 0))
    assert stored(aws).equals(computed(some, -6, 0))
