import argparse, ast, asyncio, collections, concurrent.futures, configparser, csv, ctypes, dataclasses, datetime, decimal, difflib
import doctest, email.message, enum, fractions, ftplib, functools, getpass, gzip, hashlib, heapq, html.parser, http.client, http.server
import inspect, itertools, json, logging.handlers, lzma, multiprocessing, optparse, pathlib, pdb, pickle, platform, pprint, random, re
import shelve, shutil, smtplib, socketserver, sqlite3, ssl, statistics, subprocess, tarfile, tempfile, threading, timeit, tokenize
import traceback, typing, unittest.mock, urllib.request, uuid, xml.dom.minidom, xml.etree.ElementTree, xmlrpc.client, zipfile

print(len(dir(asyncio)) > 50, pathlib.PurePath("a") / "b")
