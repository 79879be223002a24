"""Where the simulator publishes."""

from handlers.stores import clients


def test_messages_are_published_with_quality_of_service_1_at_the_endpoint_given(aws, deploy, hook):
    seen: list[str] = []
    client = clients.iot_data("https://iot.example.com")
    hook(client, "before-call.iot-data-plane.Publish", lambda params, **_: seen.append(params["url"]))
    hook(client, "before-send.iot-data-plane.Publish", lambda **_: answer())
    run = deploy("simulator", MACHINE_IDS='["PUMP-A01"]', IOT_ENDPOINT="https://iot.example.com")
    run({"at": "2026-11-21T10:00:30+00:00"})
    assert seen[0] == "https://iot.example.com/topics/industrial%2Fmachine%2FPUMP-A01%2Ftemperature?qos=1"


def answer():
    from botocore.awsrequest import AWSResponse

    response = AWSResponse("https://iot.example.com", 200, {}, None)
    response._content = b""
    return response
