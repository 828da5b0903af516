"""Calls every RPC of a running build from Python, as another team would.

Usage: python check.py PROGRAM DATA

PROGRAM is the built crossfade, DATA a directory with plays.parquet and tracks.parquet. Trains two small bundles in a
temporary directory, starts the server, and checks answers, health, reflection and error details. Stubs are compiled
from proto/ with grpcio-tools; nothing else of this repository is used.
"""

import json
import math
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import grpc
import trustme
from blake3 import blake3
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
FILES = ["ranking", "playlist", "track", "experiment", "recommendation_service", "model_service", "event_service", "experiment_service"]
OURS = ["RecommendationService", "ModelService", "EventService", "ExperimentService"]
SERVICES = {f"crossfade.v1.{name}" for name in OURS} | {"grpc.health.v1.Health"}
EXPERIMENTS = """
[experiments.sound]
arms = [{ name = "control", share = 0.5 }, { name = "content", ranking = "content", share = 0.3 }]

[experiments.draft]
method = "interleave"
arms = [{ name = "control", ranking = "popular" }, { name = "content", ranking = "content" }]
"""
DEADLINE = 30


def compile_stubs(out):
    arguments = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--python_out={out}", f"--grpc_python_out={out}"]
    subprocess.run(arguments + [f"crossfade/v1/{name}.proto" for name in FILES], check=True)
    sys.path.insert(0, out)


def train(program, data, bundles, seed):
    arguments = [program, "train", "--json", "--quiet", "--plays", f"{data}/plays.parquet", "--tracks", f"{data}/tracks.parquet"]
    arguments += ["--out", bundles, "--dim", "16", "--epochs", "3", "--seed", str(seed), "--no-validation"]
    return json.loads(subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout)


def start(program, bundles, *more):
    arguments = [program, "serve", "--bundles", bundles, "--listen", "127.0.0.1:0", "--events", f"{bundles}-events"]
    arguments += ["--exposures", f"{bundles}-exposures", *more]
    server = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        found = re.search(r"serving on (\S+)", line)
        if found:
            return server, found.group(1)
    raise AssertionError(f"the server ended with {server.wait()}")


def refused(call, request, code):
    """The details of the error that a call must end with, by type name."""
    try:
        call(request, timeout=DEADLINE)
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} instead of {code}: {error.details()}"
        details = {}
        for detail in rpc_status.from_call(error).details:
            for kind in (error_details_pb2.BadRequest, error_details_pb2.ErrorInfo, error_details_pb2.ResourceInfo):
                if detail.Is(kind.DESCRIPTOR):
                    message = kind()
                    detail.Unpack(message)
                    details[kind.DESCRIPTOR.name] = message
        return details
    raise AssertionError(f"{request} was accepted")


def check_recommend(pb, stub, version):
    response = stub.Recommend(pb.RecommendRequest(user_id="usr_00000", limit=7), timeout=DEADLINE)
    assert response.user_known and response.bundle_version == version
    assert [track.rank for track in response.tracks] == list(range(1, 8))
    for track in response.tracks:
        parts = track.components
        assert track.score == parts.collaborative + parts.content + parts.popularity + parts.discovery, track
        assert track.title and track.artist, track
    scores = [track.score for track in response.tracks]
    assert scores == sorted(scores, reverse=True)

    collaborative = stub.Recommend(pb.RecommendRequest(user_id="usr_00000", ranking="RANKING_COLLABORATIVE"), timeout=DEADLINE)
    assert collaborative.content_weight == 0 and len(collaborative.tracks) == 20
    assert all(track.components.content == 0 for track in collaborative.tracks)

    plays = [pb.Play(track_id=track.track_id, play_count=3) for track in response.tracks[:3]] + [pb.Play(track_id="no such track")]
    fresh = stub.Recommend(pb.RecommendRequest(user_id="nobody", history=plays, content_weight=0.5), timeout=DEADLINE)
    assert not fresh.user_known and list(fresh.unknown_track_ids) == ["no such track"]
    assert not {play.track_id for play in plays} & {track.track_id for track in fresh.tracks}
    assert fresh.basis == 1, fresh.basis  # BASIS_FULL

    nothing = stub.Recommend(pb.RecommendRequest(), timeout=DEADLINE)
    assert len(nothing.tracks) == 20 and nothing.basis == 4  # BASIS_POPULAR
    return response.tracks[0].track_id


def check_dials(pb, stub):
    rules = pb.ListRules(max_per_artist=1)
    request = pb.RecommendRequest(user_id="usr_00001", seed_track_ids=["trk_00007"], diversity=0.4, discovery=-0.5, rules=rules, explain=True)
    response = stub.Recommend(request, timeout=DEADLINE)
    artists = [track.artist for track in response.tracks]
    assert len(artists) == 20 and len(set(artists)) == 20
    for track in response.tracks:
        why = track.explanation
        told = sum(one.collaborative for one in why.contributions) + why.other_collaborative
        assert math.isclose(told, track.components.collaborative, abs_tol=1e-12), track


def check_rank(pb, stub):
    listed = stub.Recommend(pb.RecommendRequest(user_id="usr_00001", limit=5), timeout=DEADLINE)
    ids = [track.track_id for track in reversed(listed.tracks)] + ["no such track"]
    ranked = stub.RankTracks(pb.RankTracksRequest(user_id="usr_00001", track_ids=ids), timeout=DEADLINE)
    assert list(ranked.tracks) == list(listed.tracks) and list(ranked.unknown_track_ids) == ["no such track"]


def check_stream(pb, stub):
    requests = [pb.StreamRecommendRequest(id=f"{n}", request=pb.RecommendRequest(user_id=f"usr_{n:05}")) for n in range(200)]
    requests.append(pb.StreamRecommendRequest(id="wrong", request=pb.RecommendRequest(limit=-1)))
    answers = {answer.id: answer for answer in stub.StreamRecommend(iter(requests), timeout=DEADLINE)}
    assert len(answers) == 201 and answers["wrong"].error.code == 3  # INVALID_ARGUMENT
    for n in (0, 77, 199):
        assert answers[f"{n}"].response.tracks == stub.Recommend(requests[n].request, timeout=DEADLINE).tracks


def check_playlist(pb, stub, track):
    request = pb.GeneratePlaylistRequest(seed_track_ids=[track], limit=8)
    playlist = stub.GeneratePlaylist(request, timeout=DEADLINE)
    assert len(playlist.tracks) == 8 and playlist.transition_cost <= playlist.transition_cost_by_relevance
    described = stub.DescribeTrack(pb.DescribeTrackRequest(track_id=track), timeout=DEADLINE)
    assert described.track.track_id == track and described.track.features and len(described.neighbors) == 10
    guess = described.track.predicted_genre
    assert guess.known and abs(sum(one.probability for one in guess.genres) - 1) < 1e-5


def check_similar(pb, stub, track):
    for weight in (0, 0.5, 1):
        request = pb.SimilarTracksRequest(track_id=track, content_weight=weight, limit=5)
        response = stub.SimilarTracks(request, timeout=DEADLINE)
        assert len(response.tracks) == 5 and track not in {similar.track_id for similar in response.tracks}


def check_compare(pb, stub):
    response = stub.CompareRankings(pb.CompareRankingsRequest(user_id="usr_00001", limit=10), timeout=DEADLINE)
    assert len(response.lists) == 3 and len(response.agreements) == 3
    for agreement in response.agreements:
        first, second = ({track.track_id for track in response.lists[place].tracks} for place in (agreement.first, agreement.second))
        assert math.isclose(agreement.overlap, len(first & second) / 10)
        assert 0 <= agreement.rank_biased_overlap <= 1
    for track in response.tracks:
        for ranked, rank in zip(response.lists, track.ranks):
            assert rank == 0 or ranked.tracks[rank - 1].track_id == track.track_id


def check_errors(pb, model_pb, stub, models):
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    cases = [
        (stub.Recommend, pb.RecommendRequest(limit=-1), "limit"),
        (stub.Recommend, pb.RecommendRequest(content_weight=math.nan), "content_weight"),
        (stub.Recommend, pb.RecommendRequest(ranking=99), "ranking"),
        (stub.Recommend, pb.RecommendRequest(history=[pb.Play()]), "history[0].track_id"),
        (stub.Recommend, pb.RecommendRequest(user_id="x" * 10_000_000), "user_id"),
        (stub.Recommend, pb.RecommendRequest(filter=pb.TrackFilter(min_year=2000, max_year=1999)), "filter.max_year"),
        (stub.SimilarTracks, pb.SimilarTracksRequest(), "track_id"),
        (stub.CompareRankings, pb.CompareRankingsRequest(rankings=[pb.RankingSpec()]), "rankings"),
        (stub.RankTracks, pb.RankTracksRequest(), "track_ids"),
        (stub.GeneratePlaylist, pb.GeneratePlaylistRequest(smoothness=2), "smoothness"),
        (stub.DescribeTrack, pb.DescribeTrackRequest(), "track_id"),
        (models.ListBundles, model_pb.ListBundlesRequest(page_size=-1), "page_size"),
        (models.ActivateBundle, model_pb.ActivateBundleRequest(), "version"),
    ]
    for call, request, field in cases:
        details = refused(call, request, invalid)
        assert [violation.field for violation in details["BadRequest"].field_violations] == [field], details
        assert details["ErrorInfo"].reason == "INVALID_REQUEST" and details["ErrorInfo"].domain == "crossfade"
    details = refused(stub.SimilarTracks, pb.SimilarTracksRequest(track_id="no such track"), grpc.StatusCode.NOT_FOUND)
    assert details["ResourceInfo"].resource_name == "no such track"
    refused(models.ActivateBundle, model_pb.ActivateBundleRequest(version="20200101T000000000Z-0000"), grpc.StatusCode.NOT_FOUND)


def check_models(model_pb, models, versions):
    info = models.GetServerInfo(model_pb.GetServerInfoRequest(), timeout=DEADLINE)
    assert info.bundle.version == versions[1] and info.bundle.active and info.limits.max_limit == 1000
    page = models.ListBundles(model_pb.ListBundlesRequest(page_size=1), timeout=DEADLINE)
    assert [bundle.version for bundle in page.bundles] == [versions[1]]
    rest = models.ListBundles(model_pb.ListBundlesRequest(page_size=1, page_token=page.next_page_token), timeout=DEADLINE)
    assert [bundle.version for bundle in rest.bundles] == [versions[0]] and not rest.next_page_token
    back = models.RollbackBundle(model_pb.RollbackBundleRequest(), timeout=DEADLINE)
    assert back.bundle.version == versions[0]
    refused(models.RollbackBundle, model_pb.RollbackBundleRequest(), grpc.StatusCode.FAILED_PRECONDITION)
    forth = models.ActivateBundle(model_pb.ActivateBundleRequest(version=versions[1]), timeout=DEADLINE)
    assert forth.bundle.version == versions[1] and forth.bundle.active


def check_events(pb, event_pb, stub, events):
    before = stub.Recommend(pb.RecommendRequest(user_id="usr_00001"), timeout=DEADLINE)
    event = event_pb.PlayEvent(event_id="e1", user_id="usr_00001", track_id=before.tracks[0].track_id, ms_played=200_000)
    event.played_at.GetCurrentTime()
    for accepted in (1, 0):
        response = events.RecordPlays(event_pb.RecordPlaysRequest(events=[event]), timeout=DEADLINE)
        assert response.accepted == accepted and len(response.duplicate_event_ids) == 1 - accepted
    after = stub.Recommend(pb.RecommendRequest(user_id="usr_00001"), timeout=DEADLINE)
    assert event.track_id not in {track.track_id for track in after.tracks}
    event.event_id = ""
    details = refused(events.RecordPlays, event_pb.RecordPlaysRequest(events=[event]), grpc.StatusCode.INVALID_ARGUMENT)
    assert details["BadRequest"].field_violations[0].field == "events[0].event_id", details


def bucket(salt, user):
    return int.from_bytes(blake3(f"{salt}\0{user}".encode()).digest()[:8], "big") * 10_000 >> 64


def check_experiments(pb, event_pb, trial_pb, stub, events, trials):
    for user, golden in (("usr_00042", 240), ("usr_00043", 2202), ("ada", 5342)):
        assigned = trials.AssignArm(trial_pb.AssignArmRequest(experiment="sound", user_id=user), timeout=DEADLINE)
        assert assigned.bucket == bucket("sound", user) == golden and assigned.running
    arms = set()
    for n in range(50):
        user = f"usr_{n:05}"
        place = bucket("sound", user)
        arm = "control" if place < 5_000 else "content" if place < 8_000 else ""
        assert trials.AssignArm(trial_pb.AssignArmRequest(experiment="sound", user_id=user), timeout=DEADLINE).arm == arm
        response = stub.Recommend(pb.RecommendRequest(user_id=user, experiment="sound"), timeout=DEADLINE)
        assert response.attribution.arm == arm and response.HasField("attribution") == bool(arm)
        arms.add(arm)
    assert len(arms) == 3, arms

    lists = {"first_track_ids": ["a", "b", "c"], "second_track_ids": ["x", "b", "y"]}
    request = trial_pb.InterleaveRequest(experiment="draft", user_id="ada", request_id="r", limit=4, **lists)
    drafted = trials.Interleave(request, timeout=DEADLINE)
    assert [track.rank for track in drafted.tracks] == [1, 2, 3, 4] and drafted.attribution.arm == "interleaved"
    event = event_pb.PlayEvent(event_id="drafted", user_id="ada", track_id=drafted.tracks[0].track_id, attribution_token=drafted.attribution.token)
    event.played_at.GetCurrentTime()
    recorded = events.RecordPlays(event_pb.RecordPlaysRequest(events=[event]), timeout=DEADLINE)
    assert recorded.accepted == 1 and not recorded.unattributed_event_ids
    event.event_id, event.user_id = "stolen", "eve"
    recorded = events.RecordPlays(event_pb.RecordPlaysRequest(events=[event]), timeout=DEADLINE)
    assert list(recorded.unattributed_event_ids) == ["stolen"]
    report = trials.GetReport(trial_pb.GetReportRequest(experiment="draft"), timeout=DEADLINE).report
    assert [(arm.arm, arm.users) for arm in report.arms] == [("control", 1), ("content", 1)] and report.verdict == 1  # VERDICT_OPEN
    details = refused(trials.GetReport, trial_pb.GetReportRequest(experiment="none"), grpc.StatusCode.NOT_FOUND)
    assert details["ErrorInfo"].reason == "UNKNOWN_EXPERIMENT", details


def check_health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ["", *(f"crossfade.v1.{name}" for name in OURS)]:
        response = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE)
        assert response.status == health_pb2.HealthCheckResponse.SERVING, service


def check_reflection(channel):
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="crossfade.v1.RecommendRequest"),
    ]
    # Both versions have the same messages on the wire; the package for Python only knows the older one.
    for version in ("v1", "v1alpha"):
        reflect = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        services, file = reflect(iter(requests), timeout=DEADLINE)
        names = {service.name for service in services.list_services_response.service}
        assert SERVICES <= names, names
        assert file.file_descriptor_response.file_descriptor_proto, version


def check_secure(program, bundles, scratch, pb, stub_of):
    """Encrypted, and with a token: calls and reflection work so, and not otherwise."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(f"{scratch}/server.key")
    certificate.cert_chain_pems[0].write_to_path(f"{scratch}/server.pem")
    made = json.loads(subprocess.run([program, "token", "interop", "--json"], check=True, stdout=subprocess.PIPE).stdout)
    pathlib.Path(f"{scratch}/tokens").write_text(made["line"] + "\n")
    settings = pathlib.Path(f"{scratch}/settings.toml")
    settings.write_text(f'[serve]\ntls_certificate = "{scratch}/server.pem"\ntls_key = "{scratch}/server.key"\n')
    server, address = start(program, bundles, "--config", str(settings), "--tokens", f"{scratch}/tokens")
    try:
        port = address.rsplit(":", 1)[1]
        trust = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        token = grpc.access_token_call_credentials(made["token"])
        with grpc.secure_channel(f"localhost:{port}", trust) as channel:
            check_health(channel)
            refused(stub_of(channel).Recommend, pb.RecommendRequest(), grpc.StatusCode.UNAUTHENTICATED)
        with grpc.secure_channel(f"localhost:{port}", grpc.composite_channel_credentials(trust, token)) as channel:
            assert len(stub_of(channel).Recommend(pb.RecommendRequest(), timeout=DEADLINE).tracks) == 20
            check_reflection(channel)
    finally:
        server.kill()
        server.wait()


def main(program, data):
    with tempfile.TemporaryDirectory() as scratch:
        compile_stubs(scratch)
        from crossfade.v1 import model_service_pb2 as model_pb, model_service_pb2_grpc as model_grpc
        from crossfade.v1 import recommendation_service_pb2 as pb, recommendation_service_pb2_grpc as pb_grpc
        from crossfade.v1 import event_service_pb2 as event_pb, event_service_pb2_grpc as event_grpc
        from crossfade.v1 import experiment_service_pb2 as trial_pb, experiment_service_pb2_grpc as trial_grpc
        from crossfade.v1 import playlist_pb2, ranking_pb2, track_pb2

        pb.Play, pb.TrackFilter, pb.ListRules = ranking_pb2.Play, ranking_pb2.TrackFilter, ranking_pb2.ListRules
        pb.GeneratePlaylistRequest, pb.DescribeTrackRequest = playlist_pb2.GeneratePlaylistRequest, track_pb2.DescribeTrackRequest
        bundles = f"{scratch}/bundles"
        versions = [train(program, data, bundles, seed)["version"] for seed in (1, 2)]
        settings = pathlib.Path(f"{scratch}/experiments.toml")
        settings.write_text(EXPERIMENTS)
        server, address = start(program, bundles, "--config", str(settings))
        try:
            with grpc.insecure_channel(address) as channel:
                stub, models = pb_grpc.RecommendationServiceStub(channel), model_grpc.ModelServiceStub(channel)
                check_health(channel)
                check_reflection(channel)
                track = check_recommend(pb, stub, versions[1])
                check_similar(pb, stub, track)
                check_dials(pb, stub)
                check_rank(pb, stub)
                check_stream(pb, stub)
                check_playlist(pb, stub, track)
                check_compare(pb, stub)
                check_errors(pb, model_pb, stub, models)
                check_events(pb, event_pb, stub, event_grpc.EventServiceStub(channel))
                trials = trial_grpc.ExperimentServiceStub(channel)
                check_experiments(pb, event_pb, trial_pb, stub, event_grpc.EventServiceStub(channel), trials)
                check_models(model_pb, models, versions)
                check_recommend(pb, stub, versions[1])
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=DEADLINE) == 0, "the server did not end cleanly"
            check_secure(program, bundles, scratch, pb, pb_grpc.RecommendationServiceStub)
        finally:
            server.kill()
    print("interop: every RPC, health, reflection and error details are as described")


if __name__ == "__main__":
    main(*sys.argv[1:])
