"""The default scorer's own workshop: how the ensemble behind the protocol `activity` is trained, measured and shipped.

    inputs.py     what each member looks at, and what it is trained to    augment.py    how its faces are varied
    nets.py       the networks (torch)                                    train.py      one member, resumable
    train_all.py  all of them: `wince lab train scorer`                   calibrate.py  weights, confidence, which units count
    export.py     ONNX, hashes, card                                      apply.py      the ensemble on a corpus, through OpenVINO
    logistic.py   a fit that evaluate/ and occlusion/ share
    evaluate/     how good it is: `wince lab evaluate`                    occlusion/    the probe of covers: `wince lab train covers`

Training needs the extra `train` (torch); nothing else of Wince does. What any scorer can use lies beside: corpus/, synthesize/.
"""
