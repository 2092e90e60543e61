"""A fitted estimator as a service over HTTP.

    MITRA_MODEL=model.wlrn uvicorn service:app

``POST /predict`` takes ``{"rows": [{"age": 31, "city": "Bern", "income": null}]}``.
"""

import asyncio
import contextlib
import hashlib
import io
import logging
import os
from pathlib import Path

import joblib
import pandas as pd
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError
from sklearn.pipeline import Pipeline
from starlette.requests import ClientDisconnect

import sklearn_mitra

env = os.environ.get
MODEL = Path(env("MITRA_MODEL", "model.wlrn"))  # or a pickle, which runs code when it is loaded
MAX_ROWS = int(env("MITRA_MAX_ROWS", 1000))  # of a request
MAX_BYTES = int(env("MITRA_MAX_BYTES", 2**20))  # of a request's body
MAX_WAITING = int(env("MITRA_MAX_WAITING", 100))  # requests in the queue
BATCH_ROWS = int(env("MITRA_BATCH_ROWS", 256))  # predict requests together, up to so many rows
BATCH_MS = float(env("MITRA_BATCH_MS", 2))  # wait so long for further requests
WATCH_SECONDS = float(env("MITRA_WATCH_SECONDS", 2))  # look so often for a change of the file
LOG = logging.getLogger("uvicorn.error")


class Query(BaseModel, extra="forbid"):
    """The body of a request: rows, each with a value for every column."""

    rows: list[dict[str, object]] = Field(min_length=1)


def load_model(path):
    """An estimator with its context cached, and its name: digits of its file's SHA-256."""
    data = path.read_bytes()
    is_bundle = path.suffix == ".wlrn"
    estimator = sklearn_mitra.load(data) if is_bundle else joblib.load(io.BytesIO(data))
    mitra = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    mitra.predict(to_table(mitra, [dict.fromkeys(columns_of(mitra))]))  # a row without values
    return estimator, hashlib.sha256(data).hexdigest()[:12]


def columns_of(estimator):
    """Names of the columns: those of training, or x0, x1, ... if it was fitted to an array."""
    default = [f"x{i}" for i in range(estimator.n_features_in_)]
    return list(getattr(estimator, "feature_names_in_", default))


def to_table(estimator, rows):
    """Rows of JSON as the kind of table that the estimator was fitted to."""
    columns = columns_of(estimator)
    for i, row in enumerate(rows):
        if row.keys() != {*columns}:
            raise ValueError(
                f"Row {i} must have the columns of training, with null for a missing value. "
                f"Without a value: {[column for column in columns if column not in row]}. "
                f"Unknown: {[column for column in row if column not in columns]}."
            )
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    return table if hasattr(estimator, "feature_names_in_") else table.to_numpy()


def predict(model, requests):
    """For each request an answer, or an exception that says what is wrong with it."""
    (estimator, name), answers, start = model, [], 0
    try:
        table = to_table(estimator, [row for rows in requests for row in rows])
        if hasattr(estimator, "predict_proba"):
            proba = estimator.predict_proba(table)
            predictions = estimator.classes_[proba.argmax(axis=1)]
        else:
            proba, predictions = None, estimator.predict(table)
    except Exception as error:
        if half := len(requests) // 2:  # an error is only its sender's, so look whose it is
            return predict(model, requests[:half]) + predict(model, requests[half:])
        is_of_input = isinstance(error, (TypeError, ValueError))  # and names the column
        return [HTTPException(422, str(error)) if is_of_input else error]
    for rows in requests:
        part = slice(start, start := start + len(rows))
        answer = {"model": name, "predictions": predictions[part].tolist()}
        if proba is not None:
            answer["classes"] = estimator.classes_.tolist()
            answer["probabilities"] = proba[part].tolist()
        answers.append(answer)
    return answers


class Service:
    """The present model, and the requests that wait for it."""

    def __init__(self):
        self.model, self.error, self.stamp = None, "The model is being loaded.", ()
        self.queue, self.loading = asyncio.Queue(MAX_WAITING), asyncio.Lock()

    async def work(self):
        """Collect what waits, and predict it: one batch after the other, in a thread."""
        while True:
            batch = [await self.queue.get()]
            await asyncio.sleep(BATCH_MS / 1000)
            while not self.queue.empty() and sum(len(rows) for rows, _ in batch) < BATCH_ROWS:
                batch.append(self.queue.get_nowait())
            requests, futures = zip(*batch)
            answers = await asyncio.to_thread(predict, self.model, requests)
            for future, answer in zip(futures, answers):
                if future.cancelled():  # its client has gone
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def watch(self):
        """Load the file, and load it again whenever it has changed."""
        while True:
            if self.stamp != self.read_stamp():
                await self.load()
            await asyncio.sleep(WATCH_SECONDS)

    async def load(self):
        """Load the file. A batch under way keeps the former model; so do all if this fails."""
        async with self.loading:
            self.stamp = self.read_stamp()
            try:
                self.model, self.error = await asyncio.to_thread(load_model, MODEL), None
                LOG.info("Loaded model %s", self.model[1])
            except Exception as error:
                self.error = f"{MODEL} was not loaded: {error}"
                LOG.error(self.error)

    def read_stamp(self):
        """What differs once the file has been written or replaced; None if there is no file."""
        with contextlib.suppress(OSError):
            return MODEL.stat().st_mtime_ns, MODEL.stat().st_ino

    def status(self):
        return {"model": self.model and self.model[1], "error": self.error}


service = Service()


@contextlib.asynccontextmanager
async def lifespan(app):
    tasks = asyncio.gather(service.watch(), service.work())
    yield
    tasks.cancel()


app = FastAPI(title="sklearn-mitra", version=sklearn_mitra.__version__, lifespan=lifespan)
BODY = {"content": {"application/json": {"schema": Query.model_json_schema()}}, "required": True}


@app.post("/predict", openapi_extra={"requestBody": BODY})
async def answer(request: Request):
    body, future = bytearray(), asyncio.get_running_loop().create_future()
    async for part in request.stream():  # FastAPI itself would read all of it
        body += part
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"The body must have at most {MAX_BYTES} bytes.")
    try:
        rows = Query.model_validate_json(bytes(body)).rows
    except ValidationError as error:
        found = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors()]
        raise HTTPException(422, "; ".join(found)) from None
    if len(rows) > MAX_ROWS:
        raise HTTPException(413, f"A request must have at most {MAX_ROWS} rows. Got {len(rows)}.")
    if service.model is None:
        raise HTTPException(503, service.error, {"Retry-After": "5"})
    try:
        service.queue.put_nowait((rows, future))
    except asyncio.QueueFull:
        raise HTTPException(429, "Too many requests are waiting.", {"Retry-After": "1"}) from None
    return JSONResponse(await future)


@app.exception_handler(ClientDisconnect)
async def left(request: Request, error: ClientDisconnect):
    LOG.warning("A client left before its request was complete.")
    return Response(status_code=400)  # which nobody gets


@app.post("/reload")
async def reload():
    await service.load()
    return JSONResponse(service.status(), 409 if service.error else 200)


@app.get("/health/live")
async def live():
    return {"live": True}


@app.get("/health/ready")
async def ready():
    return JSONResponse(service.status(), 503 if service.model is None else 200)
