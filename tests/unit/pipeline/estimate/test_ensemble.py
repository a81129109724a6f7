"""A site's ensemble as a scorer: grades from classes, all members or none, a ration for what is expensive."""

import grpc
import numpy as np
import pytest
import simplejpeg

from tests.support.classifiers import write
from tests.support.oip import OipServer, refuse
from wince.domain.estimate import Reading
from wince.domain.face import Face
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.domain.scales import ICU, PAIN, VAS
from wince.errors import Unavailable
from wince.models.ensemble import Answer, Ensemble, Status
from wince.pipeline.estimate import stage
from wince.pipeline.estimate.ensemble import EnsembleScorer
from wince.pipeline.estimate.interface import Score
from wince.pipeline.estimate.ration import Ration
from wince.pipeline.estimate.served import CHUNK, ServedMembers
from wince.serving.client import OipClient
from wince.serving.manifest import golden_crops
from wince.serving.pack import pack
from wince.telemetry import metrics

CLASSES = ("relaxed", "tense", "grimace")


def face(source="bed1", time_us=0, crop=b"jpeg"):
    return Face(source, time_us // 200_000, time_us, (640, 480), None, 1, None, None, None, None, None, crop)


def jpeg(grey):
    pixels = np.full((224, 224, 3), grey, np.uint8)
    pixels[60:160, 60:160] = 255 - grey
    return simplejpeg.encode_jpeg(pixels, colorspace="RGB")


class Smiles:
    """Everybody smiles a little; where `blind`, the mesh can't be read."""

    model_set = ""

    def __init__(self, blind=False):
        self.blind = blind

    def score(self, faces):
        reading = None if self.blind else Reading(9.0, 1.0, np.zeros(6, np.float32), 0.25)
        return [Score(reading) for _ in faces]


class Fixed:
    """Answers with rows of fused probabilities; None: abstains."""

    def __init__(self, rows, status=None):
        self.rows, self.status, self.asked = rows, status, []

    def answer(self, crops):
        self.asked.append(len(crops))
        if self.rows is None:
            return None
        table = np.array([self.rows[index % len(self.rows)] for index in range(len(crops))], np.float32)
        status = np.zeros(len(crops), np.int32) if self.status is None else np.array(self.status, np.int32)
        return Answer(status, {"m": table}, table)


def test_a_label_becomes_its_grade():
    """The score is the lowest of the label's band, so that the scale grades it so; of equals the higher class."""
    rows = [(0.7, 0.2, 0.1), (0.1, 0.2, 0.7), (0.4, 0.4, 0.2)]
    scores = EnsembleScorer(Fixed(rows), Smiles(), ICU, CLASSES, "x").score([face()] * 3)
    readings = [score.reading for score in scores]
    assert [ICU.name_of(ICU.grade(reading.score)) for reading in readings] == ["relaxed", "grimace", "tense"]
    assert [reading.confidence for reading in readings] == pytest.approx([0.7, 0.7, 0.4])
    assert [reading.smile for reading in readings] == [0.25] * 3
    assert all(np.isnan(reading.units).all() for reading in readings)
    assert scores[0].probabilities == {"m": pytest.approx((0.7, 0.2, 0.1))}


def test_classes_without_a_grade_for_no_pain_keep_their_bands():
    classes = ("mild", "obvious", "severe", "intense")
    scores = EnsembleScorer(Fixed([(0, 0, 0, 1), (1, 0, 0, 0)]), Smiles(), VAS, classes, "x").score([face()] * 2)
    assert [score.reading.score for score in scores] == [9.0, 1.0]


def test_on_a_scale_of_probability_the_score_is_one():
    scores = EnsembleScorer(Fixed([(0.25, 0.75)]), Smiles(), PAIN, ("no pain", "pain"), "x").score([face()])
    assert scores[0].reading.score == pytest.approx(0.75)
    assert scores[0].reading.confidence == pytest.approx(0.75)


def test_what_can_t_be_read_is_uncertain_and_an_absent_member_abstains():
    scores = EnsembleScorer(Fixed([(1, 0, 0)], [Status.OK, Status.NOT_JPEG]), Smiles(), ICU, CLASSES, "x").score([face()] * 2)
    assert [score.reason for score in scores] == [None, Reason.UNCERTAIN]
    blind = EnsembleScorer(Fixed([(1, 0, 0)]), Smiles(blind=True), ICU, CLASSES, "x").score([face()])
    assert blind[0].reason is Reason.UNCERTAIN
    absent = EnsembleScorer(Fixed(None), Smiles(), ICU, CLASSES, "x")
    assert [score.reason for score in absent.score([face()] * 3)] == [Reason.GAP] * 3
    _, out = stage.step(stage.State(), [face()], 0, absent, 10 * US)
    assert (out[0].reason, out[0].reading, out[0].model_set) == (Reason.GAP, None, "x")


def choose(ration, faces):
    with ration.spent_on(faces) as chosen:
        return chosen


def test_a_batch_that_comes_again_costs_nothing_twice():
    """After a refusal, and after a rebalance that reads from an earlier position, the same faces are asked for."""
    ration = Ration(5, 5.0)
    faces = [face(time_us=i * 200_000) for i in range(64)]

    def refused():
        with ration.spent_on(faces) as chosen:
            assert len(chosen) == 64
            raise Unavailable("away")

    for _ in range(5):
        with pytest.raises(Unavailable):
            refused()
    assert len(choose(ration, faces)) == 64
    assert len(choose(ration, faces[20:])) == 44
    assert ration.given_up == 0


def test_below_the_bounds_everything_is_asked_for():
    """A source at its protocol's rate, for minutes, one by one or in batches."""
    one = Ration(5, 5.0)
    assert all(choose(one, [face(time_us=i * 200_000)]) == [0] for i in range(1000))
    many = Ration(5, 5.0)
    for start in range(0, 1000, 64):
        assert len(choose(many, [face(time_us=i * 200_000) for i in range(start, start + 64)])) == 64
    assert one.given_up == many.given_up == 0


def test_a_source_that_floods_costs_the_others_nothing():
    """bed1 sends 25 a second where 5 are allowed; bed2 is asked for in full. In the long run bed1 has its rate."""
    ration, asked = Ration(5, 1e9), {"bed1": 0, "bed2": 0}
    for second in range(60):
        faces = [face("bed1", (second * 25 + i) * 40_000, jpeg(10 * i)) for i in range(25)]
        faces += [face("bed2", (second * 5 + i) * 200_000, jpeg(10 * i)) for i in range(5)]
        for index in choose(ration, faces):
            asked[faces[index].source] += 1
    assert asked["bed2"] == 300
    assert 300 <= asked["bed1"] <= 312
    assert ration.given_up == 60 * 25 - asked["bed1"]


def test_key_frames_come_first():
    """Of ten pictures, of which the fourth differs from all around it, one is asked for: that one. Without a change: the newest."""
    pictures = [jpeg(200 if i == 4 else 90) for i in range(10)]
    faces = [face(time_us=i, crop=picture) for i, picture in enumerate(pictures)]
    assert choose(Ration(0.5, 9, burst_s=2), faces) == [4]
    still = [face(time_us=i, crop=pictures[0]) for i in range(10)]
    assert choose(Ration(0.5, 9, burst_s=2), still) == [9]
    assert choose(Ration(0.5, 9, burst_s=2), [face(time_us=i, crop=b"none") for i in range(3)]) == [2]


def test_an_expensive_ensemble_can_t_choke_a_ward():
    """At 300 ms a crop and 3 s a batch ten of sixty-four crops are asked for, sources alike; the rest is late at once."""
    clock = [0.0]

    class Slow(Fixed):
        def answer(self, crops):
            clock[0] += 0.3 * len(crops)
            return super().answer(crops)

    members = Slow([(1, 0, 0)])
    before = metrics.REGISTRY.get_sample_value("wince_faces_given_up_total")
    ration = Ration(5, 3.0, clock=lambda: clock[0])
    scorer = EnsembleScorer(members, Smiles(), ICU, CLASSES, "x", ration)
    scorer.score([face("bed0", 0)])
    faces = [face(f"bed{i % 8}", US + i, jpeg(i)) for i in range(64)]
    scores = scorer.score(faces)
    assert members.asked[-1] == 10
    assert sum(score.reason is Reason.LATE for score in scores) == 54
    per_bed = [sum(score.reason is None and one.source == f"bed{i}" for one, score in zip(faces, scores, strict=True)) for i in range(8)]
    assert max(per_bed) - min(per_bed) <= 1
    assert ration.given_up == 54
    assert metrics.REGISTRY.get_sample_value("wince_faces_given_up_total") == before + 54


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    files = {name: write(folder / f"{name}.onnx", 3, seed) for seed, name in enumerate(("icu-a", "icu-b"))}
    _, manifest = pack("icu", "1.0", files, CLASSES, folder)
    return files, manifest


def test_served_and_embedded_agree(packed):
    """Many crops, in several requests, a bad one among them: the same scores."""
    files, manifest = packed
    crops = [*golden_crops(), *(jpeg(7 * i) for i in range(CHUNK)), b"none"]
    faces = [face(time_us=i, crop=crop) for i, crop in enumerate(crops)]
    embedded = EnsembleScorer(Ensemble(files, 3), Smiles(), ICU, CLASSES, "x").score(faces)
    with OipServer(Ensemble(files, 3), "icu", "1.0") as server, OipClient(server.target) as client:
        served = EnsembleScorer(ServedMembers(client, manifest), Smiles(), ICU, CLASSES, "x").score(faces)
        assert server.calls == 3  # readiness, and two requests
    for one, other in zip(embedded, served, strict=True):
        assert one.reason == other.reason
        if one.reading is not None:
            assert one.reading.score == other.reading.score
            assert one.reading.confidence == pytest.approx(other.reading.confidence, abs=1e-4)
            for name in one.probabilities:
                assert one.probabilities[name] == pytest.approx(other.probabilities[name], abs=1e-4)
    assert embedded[-1].reason is Reason.UNCERTAIN


def test_a_member_that_goes_missing_is_seen_in_the_next_answer_and_its_return_after_a_while(packed):
    """Nothing is scored between, and the fault is kept for whoever asks."""
    files, manifest = packed
    clock = [0.0]
    with OipServer(Ensemble(files, 3), "icu", "1.0") as server, OipClient(server.target) as client:
        members = ServedMembers(client, manifest, clock=lambda: clock[0])
        assert members.answer(golden_crops()) is not None
        whole, server.ensemble = server.ensemble, Ensemble({"icu-a": files["icu-a"]}, 3)
        assert members.answer(golden_crops()) is None
        assert "icu-b" in members.fault.message
        assert EnsembleScorer(members, Smiles(), ICU, CLASSES, "x").fault is members.fault
        server.ensemble = whole
        calls = server.calls
        assert members.answer(golden_crops()) is None
        assert server.calls == calls
        clock[0] += 6
        assert members.answer(golden_crops()) is not None
        assert members.ready
        assert members.fault is None


def test_a_server_that_refuses_keeps_the_input(packed):
    files, manifest = packed
    with OipServer(Ensemble(files, 3), "icu", "1.0") as server, OipClient(server.target) as client:
        scorer = EnsembleScorer(ServedMembers(client, manifest), Smiles(), ICU, CLASSES, "x")
        good = face(crop=golden_crops()[0])
        assert scorer.score([good])[0].reason is None
        server.faults = [refuse(grpc.StatusCode.INTERNAL, "no worker")] * 2
        with pytest.raises(Unavailable):
            scorer.score([good])
        assert scorer.score([good])[0].reason is None
